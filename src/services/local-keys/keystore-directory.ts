import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nameKeystore } from '../../domain/keys/keystore.ts';
import { fromHex } from '../../lib/bytes.ts';
import { asFileError } from '../../lib/files.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { readSecretFile } from '../../lib/secret.ts';
import { readKeystoreFile } from './keystore-file.ts';
import { isKeystoreName } from './keystore-names.ts';

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

/**
 * The keystores of a directory, read; decrypted only where a file does not name its public key.
 * @throws OperatorError naming the file that is a broken keystore
 */
export async function readKeystoreDirectory(keystoresDirectory: string): Promise<KeystoreFile[]> {
  const files: KeystoreFile[] = [];
  for (const name of await listKeystoreNames(keystoresDirectory)) {
    const path = join(keystoresDirectory, name);
    const keystore = readKeystoreFile(path);
    if (keystore === undefined) continue;
    const own = ownPasswordPath(path);
    const passwordPath = existsSync(own) ? own : undefined;
    const readPassword = () => readSecretFile(passwordPath ?? sharedPasswordPath(keystoresDirectory));
    const pubkey =
      keystore.pubkey ?? (await nameKeystore(keystore, (await readPassword()).value, path)).pubkey;
    files.push({ path, publicKey: fromHex(pubkey, PUBLIC_KEY_LENGTH), passwordPath });
  }
  return files;
}
