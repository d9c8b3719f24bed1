import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, openDatabase } from '../db/database.ts';
import type { LeaseScope } from '../db/leases.ts';
import { checkSchema, migrateDatabase } from '../db/migrator.ts';
import { fromHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import { ADDRESS_LENGTH } from '../lib/lengths.ts';
import { owned } from '../lib/owned.ts';
import type { OperatorDatabaseSettings } from '../settings/operator-settings.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import { resolveVaultNetwork } from '../settings/vault-network.ts';
import type { VaultSettings } from '../settings/vault-settings.ts';
import { openRemoteDatabase } from './remote-db.ts';

/** The vault whose transactions are meant, and the database that they are in. */
export interface TransactionStoreSettings {
  readonly vault: VaultSettings;
  readonly database: OperatorDatabaseSettings;
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
 * Opens the database in which an operator will keep its state, as its start does: an embedded one is made where there is none, and
 * migrated, since it belongs to this program; a remote one has to have been migrated by its owner.
 * @throws OperatorError 'db-in-use' while another process has the embedded one open
 */
export async function openOperatorDatabase(
  { warn }: { readonly warn: (line: string) => void },
  { vault, database: settings }: TransactionStoreSettings,
  programVersion: string,
): Promise<Database> {
  if (settings.kind === 'embedded') {
    return openEmbeddedDatabase(embeddedDatabasePath(settings.directory, vault.vault), {
      warn,
      programVersion,
    });
  }
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openRemoteDatabase(settings.remote, warn));
  await checkSchema(database, { programVersion });
  stack.move();
  return database;
}

/** Opens an operator's embedded database, which is made where there is none, and migrates it. */
export async function openEmbeddedDatabase(
  path: string,
  { warn, programVersion }: { readonly warn: (line: string) => void; readonly programVersion: string },
): Promise<Database> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openDatabase({ url: `pglite:${path}`, warn }));
  await migrateDatabase(database, { programVersion });
  stack.move();
  return database;
}

/**
 * Opens the database of an operator for a command beside it.
 * @throws OperatorError 'no-database' when the operator has never run here; 'db-in-use' while it has the embedded one open
 */
export async function openTransactionStore(
  deps: { readonly warn: (line: string) => void },
  { vault, database: settings }: TransactionStoreSettings,
  programVersion: string,
): Promise<TransactionStore> {
  const { chainId } = await resolveVaultNetwork(vault.network, vault.dataDir, vault.vault);
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openStore(deps, settings, vault.vault));
  await checkSchema(database, { programVersion });
  const scope = { chainId, vault: fromHex(vault.vault, ADDRESS_LENGTH) };
  return owned(stack, { database, scope });
}

function openStore(
  { warn }: { readonly warn: (line: string) => void },
  settings: OperatorDatabaseSettings,
  vault: string,
): Promise<Database> {
  if (settings.kind === 'remote') return openRemoteDatabase(settings.remote, warn);
  const path = embeddedDatabasePath(settings.directory, vault);
  if (existsSync(path)) return openDatabase({ url: `pglite:${path}`, warn });
  throw new OperatorError('no-database', `There is no database of an operator at ${path}.`, {
    hint: 'Name it with --db-url-file or --database-dir, as for "start".',
  });
}
