import { type Database, openDatabase } from '../db/database.ts';
import { postgresUrl } from '../db/database-url.ts';
import { readSecretFile } from '../lib/secret.ts';
import type { DatabaseSettings } from '../settings/remote-db-settings.ts';

/** Opens Web3Signer's slashing protection database, in which nothing is written. */
export function openSlashingDb(
  { dbUrl: { url, file }, waitForDb: waitMs }: Omit<DatabaseSettings, 'dbSchema'>,
  warn: (line: string) => void,
): Promise<Database> {
  return openDatabase({
    url,
    waitMs,
    reloadUrl: file === undefined ? undefined : async () => postgresUrl((await readSecretFile(file)).value),
    warn: line => warn(line.replace('--db-url', '--slashing-db-url')),
  });
}
