import { type Dirent, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Keystore, parseKeystore } from '../../domain/keys/keystore.ts';
import { OperatorError } from '../../lib/errors.ts';
import { asFileError, readFileBytes } from '../../lib/files.ts';
import { readSecretFile } from '../../lib/secret.ts';
import { isKeystoreName } from './keystore-directory.ts';

/** A keystore that was read, not decrypted. */
export interface ReadKeystore {
  readonly path: string;
  readonly keystore: Keystore;
  readonly password: string;
}

export interface KeystoreLocation {
  readonly keystoresDir: string;
  /** Where `<keystore name>.txt` files are looked for; the keystore's own directory when left out. */
  readonly passwordsDir?: string | undefined;
  /** Files with the password of all keystores that have no file of their own: the first that exists counts. */
  readonly passwordFiles: readonly string[];
}

/**
 * Reads all keystores (EIP-2335) of a directory and of those below it, with their passwords: a text file of the
 * keystore's name, else the common password file. Deposit data that lies among them is no keystore.
 * @param warn - told about password files that others can read
 * @throws OperatorError naming the file: keystores-missing, keystore-not-json, keystore-version, keystore-invalid,
 *   keystore-duplicate, password-missing
 */
export async function readKeystores(
  location: KeystoreLocation,
  warn: (message: string) => void,
): Promise<ReadKeystore[]> {
  const paths = await listKeystorePaths(location.keystoresDir);
  if (paths.length === 0) {
    throw new OperatorError('keystores-missing', `Keystores not found in ${location.keystoresDir}.`, {
      hint: 'Run "create-keys", or name the directory with --keystores-dir.',
    });
  }
  const passwords = new PasswordFiles(location, warn);
  const files: ReadKeystore[] = [];
  for (const path of paths) {
    const keystore = parseKeystore((await readFileBytes(path)).toString('utf8'), path);
    files.push({ path, keystore, password: await passwords.passwordOf(path) });
  }
  assertDistinct(files);
  return files;
}

/** Reads keystores as {@link readKeystores} does; none where there are none, or no directory. */
export async function findKeystores(
  location: KeystoreLocation,
  warn: (message: string) => void,
): Promise<ReadKeystore[]> {
  if (!existsSync(location.keystoresDir)) return [];
  const paths = await listKeystorePaths(location.keystoresDir);
  return paths.length === 0 ? [] : readKeystores(location, warn);
}

/** Paths of the keystores of a directory and of those below it, sorted. */
export async function listKeystorePaths(directory: string): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(directory, { withFileTypes: true, recursive: true });
  } catch (error) {
    throw asFileError(error, directory, 'read');
  }
  return entries
    .filter(entry => !entry.isDirectory() && isKeystoreName(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .sort();
}

/** Reads each password file once, however many keystores it opens. */
class PasswordFiles {
  readonly #location: KeystoreLocation;
  readonly #warn: (message: string) => void;
  readonly #read = new Map<string, string | null>();

  constructor(location: KeystoreLocation, warn: (message: string) => void) {
    this.#location = location;
    this.#warn = warn;
  }

  async passwordOf(keystorePath: string): Promise<string> {
    const own = join(
      this.#location.passwordsDir ?? dirname(keystorePath),
      `${basename(keystorePath, '.json')}.txt`,
    );
    for (const candidate of [own, ...this.#location.passwordFiles]) {
      const password = await this.#readOnce(candidate);
      if (password !== null) return password;
    }
    throw new OperatorError('password-missing', `No password file for keystore ${keystorePath}.`, {
      hint: `Looked for ${[own, ...this.#location.passwordFiles].join(' and ')}.`,
    });
  }

  async #readOnce(path: string): Promise<string | null> {
    const known = this.#read.get(path);
    if (known !== undefined) return known;
    const password = await this.#readPassword(path);
    this.#read.set(path, password);
    return password;
  }

  async #readPassword(path: string): Promise<string | null> {
    try {
      const { value, warnings } = await readSecretFile(path);
      for (const warning of warnings) this.#warn(warning);
      return value;
    } catch (error) {
      if (error instanceof OperatorError && error.code === 'file-missing') return null;
      throw error;
    }
  }
}

function assertDistinct(files: readonly ReadKeystore[]): void {
  const first = new Map<string, string>();
  for (const { path, keystore } of files) {
    const key = keystore.pubkey.toLowerCase();
    const other = first.get(key);
    if (other !== undefined) {
      throw new OperatorError(
        'keystore-duplicate',
        `Public key 0x${key} stands in two keystores: ${other} and ${path}.`,
        {
          hint: 'Remove one of them; nothing was uploaded.',
        },
      );
    }
    first.set(key, path);
  }
}
