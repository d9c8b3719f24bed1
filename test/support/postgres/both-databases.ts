import { type Database, openDatabase } from '../../../src/db/database.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import { createPgliteUrl } from './pglite.ts';
import { createTestDatabase } from './postgres.ts';

/** Makes a place for a database that is empty, and removed when it is disposed. */
type CreateUrl = () => Promise<{ readonly url: string } & AsyncDisposable>;

/** Both engines, for `describe.each`: every query runs on each. */
export const BOTH_DATABASES: readonly { readonly kind: string; readonly createUrl: CreateUrl }[] = [
  { kind: 'postgres', createUrl: () => createTestDatabase({ migrated: false }) },
  { kind: 'pglite', createUrl: createPgliteUrl },
];

/** Opens such a database and migrates it. Place and handle are the resources'. */
export async function openMigrated(resources: AsyncDisposableStack, createUrl: CreateUrl): Promise<Database> {
  const { url } = resources.use(await createUrl());
  const database = resources.use(await openDatabase({ url }));
  await migrateDatabase(database, { programVersion: '1.0.0' });
  return database;
}
