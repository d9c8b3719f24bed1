// A program of its own, so that two migrations can be run as two processes: node test/support/postgres/migrate.ts URL
import { openDatabase } from '../../../src/db/database.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';

await using database = await openDatabase({ url: process.argv[2] ?? '' });
console.log(JSON.stringify(await migrateDatabase(database, { programVersion: '1.0.0' })));
