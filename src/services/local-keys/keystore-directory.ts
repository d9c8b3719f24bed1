import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseKeystore } from '../../domain/keys/keystore.ts';
import { fromHex } from '../../lib/bytes.ts';
import { asFileError, readFileBytes } from '../../lib/files.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { isDepositDataName } from './deposit-data-file.ts';

export interface KeystoreFile {
  readonly path: string;
  /** The public key that the file names; not proven. */
  readonly publicKey: Uint8Array;
  /** `keystore-….txt` beside `keystore-….json`; undefined when the directory's password.txt opens it. */
  readonly passwordPath: string | undefined;
}

/** The password of all keystores that have none of their own. */
export function sharedPasswordPath(keystoresDirectory: string): string {
  return join(keystoresDirectory, 'password.txt');
}

/** Path of the password of one keystore. */
export function ownPasswordPath(keystorePath: string): string {
  return keystorePath.replace(/\.json$/, '.txt');
}

/** Names of the keystore files of a directory, sorted; none when it does not exist. */
async function listKeystoreNames(keystoresDirectory: string): Promise<string[]> {
  const names = await readdir(keystoresDirectory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw asFileError(error, keystoresDirectory, 'read');
  });
  return names.filter(isKeystoreName).sort();
}

/** Whether a file of a keystores directory is taken for a keystore: deposit data may lie among them. */
export function isKeystoreName(name: string): boolean {
  return name.endsWith('.json') && !name.startsWith('.') && !isDepositDataName(name);
}

/**
 * The keystores of a directory, read but not decrypted.
 * @throws OperatorError naming the file that is no keystore
 */
export async function readKeystoreDirectory(keystoresDirectory: string): Promise<KeystoreFile[]> {
  const files: KeystoreFile[] = [];
  for (const name of await listKeystoreNames(keystoresDirectory)) {
    const path = join(keystoresDirectory, name);
    const { pubkey } = parseKeystore((await readFileBytes(path)).toString(), path);
    const own = ownPasswordPath(path);
    files.push({
      path,
      publicKey: fromHex(pubkey, PUBLIC_KEY_LENGTH),
      passwordPath: existsSync(own) ? own : undefined,
    });
  }
  return files;
}
