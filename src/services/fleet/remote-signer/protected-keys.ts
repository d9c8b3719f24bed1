import { type Dirent, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import { asFileError } from '../../../lib/files.ts';
import { findDepositDataPath, readDepositData } from '../../local-keys/deposit-data-file.ts';
import { publicKeyNamedBy, readKeystoreFile } from '../../local-keys/keystore-file.ts';
import { VAULT_DIRECTORY_NAME } from '../../local-keys/lock-vault.ts';
import { listKeystorePaths } from '../../local-keys/read-keystores.ts';
import { findRemoteSignerConfig } from './remote-signer-config-file.ts';

/**
 * The keys that are never removed from a vault's signer: the validators' own, of all that the vault's directory and those
 * of the vaults beside it know of, in remote signer configurations, keystores (also those that `recover` has put aside) and
 * deposit data; and the shares of the other vaults, which may be in the same signer.
 * @throws OperatorError naming the file that cannot be read: it may name a validator
 */
export async function listProtectedKeys(vaultDirectory: string): Promise<ReadonlySet<Hex>> {
  const own = resolve(vaultDirectory);
  const beside = dirname(own);
  const vaults = (await namesIn(beside)).filter(name => VAULT_DIRECTORY_NAME.test(name));
  const directories = new Set([own, ...vaults.map(name => join(beside, name))]);
  const keys = new Set<Hex>();
  for (const directory of directories) {
    const config = await findRemoteSignerConfig(directory);
    for (const { publicKey, shares } of config?.validators ?? []) {
      keys.add(toHex(publicKey));
      if (directory !== own) for (const share of shares) keys.add(toHex(share));
    }
    for (const key of await listKeysInFiles(directory)) keys.add(toHex(key));
  }
  return keys;
}

async function listKeysInFiles(directory: string): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  const depositData = findDepositDataPath(directory);
  if (depositData !== undefined) {
    const { entries } = await readDepositData(directory, depositData);
    for (const { publicKey } of entries) keys.push(publicKey);
  }
  for (const name of await namesIn(directory)) {
    if (!name.startsWith('keystores')) continue;
    for (const path of await listKeystorePaths(join(directory, name))) {
      const keystore = readKeystoreFile(path);
      if (keystore !== undefined) keys.push(publicKeyNamedBy(keystore, path));
    }
  }
  return keys;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    const isFolder = (entry: Dirent) =>
      entry.isSymbolicLink()
        ? (statSync(join(directory, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false)
        : entry.isDirectory();
    return entries.filter(isFolder).map(({ name }) => name);
  } catch (error) {
    throw asFileError(error, directory, 'read');
  }
}
