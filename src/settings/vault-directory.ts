import { homedir } from 'node:os';
import { join } from 'node:path';
import { checksumAddress } from '../lib/address.ts';

/** Where vaults are kept unless `--data-dir` or `DATA_DIR` says otherwise. */
export function defaultDataDirectory(): string {
  return join(homedir(), '.stakewise');
}

/** Directory of one vault, as relative or absolute as the data directory was given. */
export function vaultDirectory(dataDirectory: string, vault: string): string {
  return join(dataDirectory, checksumAddress(vault).toLowerCase());
}

/** Path of a vault's config.json. */
export function vaultConfigPath(dataDirectory: string, vault: string): string {
  return join(vaultDirectory(dataDirectory, vault), 'config.json');
}
