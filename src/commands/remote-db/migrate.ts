import { remoteDbExample } from '../../cli/examples.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/migrate.ts';
import { openRemoteDatabase } from '../../compose/remote-db.ts';
import { migrateDatabase } from '../../db/migrator.ts';

export default class RemoteDbMigrate extends remoteDbCommand({})<typeof RESULT> {
  static override summary = "Brings the database's tables up to this version of the program.";
  static override examples = [remoteDbExample('migrate')];

  async run() {
    const options = await this.resolve();
    await using database = await openRemoteDatabase(options, options.warn);
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
