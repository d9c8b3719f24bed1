import { type Database, openDatabase } from '../../../src/db/database.ts';
import { createPgliteUrl } from './pglite.ts';
import { createTestDatabase } from './postgres.ts';

/** Makes a database with all tables, which is removed when it is disposed. */
type CreateUrl = () => Promise<{ readonly url: string } & AsyncDisposable>;

/** Both engines, for `describe.each`: every query runs on each. */
export const BOTH_DATABASES: readonly { readonly kind: string; readonly createUrl: CreateUrl }[] = [
  { kind: 'postgres', createUrl: () => createTestDatabase({ migrated: true }) },
  { kind: 'pglite', createUrl: () => createPgliteUrl({ migrated: true }) },
];

/** Opens such a database. Place and handle are the resources'. */
export async function openMigrated(resources: AsyncDisposableStack, createUrl: CreateUrl): Promise<Database> {
  const { url } = resources.use(await createUrl());
  return resources.use(await openDatabase({ url }));
}
