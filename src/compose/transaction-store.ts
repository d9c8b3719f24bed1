import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, openDatabase } from '../db/database.ts';
import type { LeaseScope } from '../db/leases.ts';
import { checkSchema } from '../db/migrator.ts';
import { fromHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import { ADDRESS_LENGTH } from '../lib/lengths.ts';
import type { RemoteDbSettings } from '../settings/remote-db-settings.ts';
import { resolveVaultNetwork, vaultDirectory } from '../settings/vault-config.ts';
import { openRemoteDatabase } from './remote-db.ts';

export interface TransactionStoreSettings {
  readonly vault: string;
  readonly network: string | undefined;
  readonly dataDir: string;
  readonly databaseDir: string | undefined;
  readonly dbUrl: RemoteDbSettings['dbUrl'] | undefined;
  readonly dbSchema: string | undefined;
  readonly warn?: RemoteDbSettings['warn'] | undefined;
}

/** The database in which an operator records its transactions. */
export interface TransactionStore extends AsyncDisposable {
  readonly database: Database;
  readonly scope: LeaseScope;
}

/** Directory of an operator's embedded database. */
export function embeddedDatabasePath(directory: string, vault: string): string {
  return join(vaultDirectory(directory, vault), 'operator-db');
}

/**
 * Opens the database of an operator for a command beside it.
 * @throws OperatorError 'no-database' when the operator has never run here; 'db-in-use' while it has the embedded one open
 */
export async function openTransactionStore(
  settings: TransactionStoreSettings,
  programVersion: string,
): Promise<TransactionStore> {
  const { vault, dataDir } = settings;
  const { chainId } = await resolveVaultNetwork(settings.network, dataDir, vault);
  const database = await openStore(settings);
  try {
    await checkSchema(database, { programVersion });
  } catch (error) {
    await database.close();
    throw error;
  }
  const scope = { chainId, vault: fromHex(vault, ADDRESS_LENGTH) };
  return { database, scope, [Symbol.asyncDispose]: () => database.close() };
}

function openStore({
  vault,
  dataDir,
  databaseDir,
  dbUrl,
  dbSchema,
  warn,
}: TransactionStoreSettings): Promise<Database> {
  if (dbUrl !== undefined) return openRemoteDatabase({ dbUrl, dbSchema, warn });
  const path = embeddedDatabasePath(databaseDir ?? dataDir, vault);
  if (existsSync(path)) return openDatabase({ url: `pglite:${path}`, warn });
  throw new OperatorError('no-database', `There is no database of an operator at ${path}.`, {
    hint: 'Name it with --db-url-file or --database-dir, as for "start".',
  });
}
