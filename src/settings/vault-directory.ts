import { existsSync, readdirSync } from 'node:fs';
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

/** The vault of a data directory that has exactly one, checksummed; undefined where there are none or several. */
export function onlyVaultOf(dataDirectory: string): string | undefined {
  const names = readNames(dataDirectory).filter(name => /^0x[0-9a-f]{40}$/.test(name));
  const [only, ...others] = names.filter(name => existsSync(join(dataDirectory, name, 'config.json')));
  return only === undefined || others.length > 0 ? undefined : checksumAddress(only);
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // What is wrong with it is told by whoever needs it.
    return [];
  }
}

/** Path of a vault's config.json. */
export function vaultConfigPath(dataDirectory: string, vault: string): string {
  return join(vaultDirectory(dataDirectory, vault), 'config.json');
}
