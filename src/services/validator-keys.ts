import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Hex, toHex } from '../lib/bytes.ts';
import { asFileError } from '../lib/files.ts';
import { findDepositDataPath, readDepositData } from './deposit-data-file.ts';
import { readKeystoreDirectory } from './keystore-directory.ts';
import { findRemoteSignerConfig } from './remote-signer-config-file.ts';

/** How the commands name a vault's directory. */
export const VAULT_DIRECTORY_NAME = /^0x[0-9a-f]{40}$/;

/**
 * The public keys of all validators that a vault's directory and those of the vaults beside it know of, which may share its
 * signer: of remote signer configurations, keystores (also those that `recover` has put aside) and deposit data.
 * @throws OperatorError naming the file that cannot be read: it may name a validator
 */
export async function listValidatorKeys(vaultDirectory: string): Promise<ReadonlySet<Hex>> {
  const own = resolve(vaultDirectory);
  const beside = dirname(own);
  const vaults = (await namesIn(beside)).filter(name => VAULT_DIRECTORY_NAME.test(name));
  const directories = new Set([own, ...vaults.map(name => join(beside, name))]);
  const keys = new Set<Hex>();
  for (const directory of directories) {
    for (const key of await listKeysOf(directory)) keys.add(toHex(key));
  }
  return keys;
}

async function listKeysOf(directory: string): Promise<Uint8Array[]> {
  const config = await findRemoteSignerConfig(directory);
  const keys = (config?.validators ?? []).map(({ publicKey }) => publicKey);
  const depositData = findDepositDataPath(directory);
  if (depositData !== undefined) {
    const { entries } = await readDepositData(directory, depositData);
    keys.push(...entries.map(({ publicKey }) => publicKey));
  }
  for (const name of await namesIn(directory)) {
    if (!name.startsWith('keystores')) continue;
    const keystores = await readKeystoreDirectory(join(directory, name));
    keys.push(...keystores.map(({ publicKey }) => publicKey));
  }
  return keys;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    throw asFileError(error, directory, 'read');
  }
}
