import { type Database, openDatabase } from '../db/database.ts';
import { postgresUrl } from '../db/database-url.ts';
import { readSecretFile } from '../lib/secret.ts';
import type { DatabaseSettings } from '../settings/remote-db-settings.ts';

/**
 * Opens a database of another program, in which nothing is written.
 * @param option - what names it, for warnings, such as `--slashing-db-url`
 */
export function openForeignDb(
  { dbUrl: { url, file }, waitForDb: waitMs }: Omit<DatabaseSettings, 'dbSchema'>,
  option: string,
  warn: (line: string) => void,
): Promise<Database> {
  return openDatabase({
    url,
    waitMs,
    reloadUrl: file === undefined ? undefined : async () => postgresUrl((await readSecretFile(file)).value),
    warn: line => warn(line.replace('--db-url', option)),
  });
}
