import { existsSync } from 'node:fs';
import { type Database, openDatabase } from '../db/database.ts';
import { parseDatabaseUrl } from '../db/database-url.ts';
import { checkSchema } from '../db/migrator.ts';
import { owned } from '../lib/owned.ts';
import { readSecretFile } from '../lib/secret.ts';
import type { VaultRef } from '../services/remote-db/unlock-vault.ts';
import type { DatabaseSettings, RemoteDbSettings } from '../settings/remote-db-settings.ts';
import { resolveVaultNetwork } from '../settings/vault-network.ts';

/** An open remote database and the vault that the command works on. */
export interface RemoteDb extends AsyncDisposable {
  readonly database: Database;
  readonly ref: VaultRef;
}

/**
 * Opens the remote database of a command that migrates it, or finds it migrated.
 * @param signal - ends the waiting for a server
 */
export function openRemoteDatabase(
  { dbUrl: { url, file, defaults }, dbSchema: schema, waitForDb: waitMs }: DatabaseSettings,
  warn: RemoteDbSettings['warn'],
  signal?: AbortSignal | undefined,
): Promise<Database> {
  const reloadUrl = file === undefined ? undefined : async () => (await readSecretFile(file)).value.trim();
  return openDatabase({ url, defaults, schema, waitMs, signal, reloadUrl, warn });
}

/** The directory of an embedded database that is not there; to open it would make it. */
export function missingDatabaseDirectory(settings: Pick<DatabaseSettings, 'dbUrl'>): string | undefined {
  const path = embeddedDatabaseDirectory(settings);
  return path !== undefined && !existsSync(path) ? path : undefined;
}

/** The directory of an embedded database; undefined for a server. */
export function embeddedDatabaseDirectory({ dbUrl }: Pick<DatabaseSettings, 'dbUrl'>): string | undefined {
  const url = parseDatabaseUrl(dbUrl.url, dbUrl.defaults);
  return url.kind === 'pglite' ? url.path : undefined;
}

/**
 * Opens the remote database of a command and finds its vault's network.
 * @param programVersion - checked against the level of the schema; left out by commands that migrate it themselves
 */
export async function openRemoteDb(settings: RemoteDbSettings, programVersion?: string): Promise<RemoteDb> {
  const { vault, dataDir } = settings;
  const ref = { address: vault, network: await resolveVaultNetwork(settings.network, dataDir, vault) };
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openRemoteDatabase(settings, settings.warn));
  if (programVersion !== undefined) await checkSchema(database, { programVersion });
  return owned(stack, { database, ref });
}
