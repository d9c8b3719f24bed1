import { remoteDbExample } from '../../cli/examples.ts';
import { dryRunFlag } from '../../cli/flags/preview.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/migrate.ts';
import { missingDatabaseDirectory, openRemoteDatabase } from '../../compose/remote-db.ts';
import { listMigrations, listPendingMigrations, migrateDatabase } from '../../db/migrator.ts';

const OPTIONS = { dryRun: dryRunFlag('Shows which steps would run, and runs none.') };

export default class RemoteDbMigrate extends remoteDbCommand(OPTIONS)<typeof RESULT> {
  static override summary = "Brings the database's tables up to this version of the program.";
  static override examples = [remoteDbExample('migrate')];

  async run() {
    const { dryRun, ...options } = await this.resolve();
    const directory = dryRun ? missingDatabaseDirectory(options) : undefined;
    if (directory !== undefined) {
      this.say(`Would make the embedded database at ${directory}.`);
      return { migrations: listMigrations(), dryRun: dryRun || undefined };
    }
    await using database = await openRemoteDatabase(options, options.warn);
    if (dryRun) {
      const migrations = await listPendingMigrations(database, { programVersion: this.config.version });
      this.say(
        migrations.length === 0
          ? 'The database is up to date.'
          : `Would migrate the database: ${migrations.join(', ')}.`,
      );
      return { migrations, dryRun };
    }
    const migrations = await migrateDatabase(database, { programVersion: this.config.version });
    this.say(
      migrations.length === 0
        ? 'The database is up to date.'
        : `Successfully migrated the database: ${migrations.join(', ')}.`,
    );
    if (migrations.length > 0)
      this.hint(
        'Next: where each part has a database role of its own, the SQL of remote-db grants once more.',
      );
    return { migrations };
  }
}
