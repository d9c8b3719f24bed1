import { RemoteDbCommand } from '../../cli/remote-db-command.ts';
import { openRemoteDatabase } from '../../compose/remote-db.ts';
import { migrateDatabase } from '../../db/migrator.ts';

export default class RemoteDbMigrate extends RemoteDbCommand {
  static override summary = "Brings the database's tables up to this version of the program.";
  static override usage = 'remote-db migrate [OPTIONS]';
  static override examples = [
    '<%= config.bin %> remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc migrate',
  ];

  async run() {
    const options = await this.resolveWithGroup({});
    await using database = await openRemoteDatabase(options, this.alert);
    const migrations = await migrateDatabase(database, { programVersion: this.config.version });
    this.say(
      migrations.length === 0
        ? 'The database is up to date.'
        : `Successfully migrated the database: ${migrations.join(', ')}.`,
    );
    if (migrations.length > 0)
      this.advise(
        'Next: where each part has a database role of its own, the SQL of remote-db grants once more.',
      );
    return { migrations };
  }
}
