import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type NamedKeystore, nameKeystore } from '../../domain/keys/keystore.ts';
import { OperatorError } from '../../lib/errors.ts';
import { asFileError } from '../../lib/files.ts';
import { nameList } from '../../lib/name-list.ts';
import { readSecretFile } from '../../lib/secret.ts';
import { visibleFilesOf } from '../../lib/visible-files.ts';
import { readKeystoreFile } from './keystore-file.ts';
import { isKeystoreName, mayBeKeystore } from './keystore-names.ts';

/** How many keystores are read before other work of this thread is let in: some milliseconds. */
const AT_ONCE = 128;

/** A keystore that was read; decrypted only where its file does not name its public key. */
export interface ReadKeystore {
  readonly path: string;
  readonly keystore: NamedKeystore;
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
 * keystore's name, else the common password file. Deposit data and other JSON that lies among them is no keystore.
 * @param warn - told about password files that others can read, and of JSON that is no keystore
 * @throws OperatorError naming the file: keystores-missing, keystore-not-json, keystore-version, keystore-invalid,
 *   keystore-duplicate, password-missing; keystore-wrong-password of one that does not name its public key
 */
export async function readKeystores(
  location: KeystoreLocation,
  warn: (message: string) => void,
): Promise<ReadKeystore[]> {
  return await collect(readEachKeystore(location, warn));
}

/** @throws OperatorError 'keystore-duplicate' */
async function collect(keystores: AsyncIterable<ReadKeystore>): Promise<ReadKeystore[]> {
  const files: ReadKeystore[] = [];
  for await (const file of keystores) files.push(file);
  const first = new Map<string, string>();
  for (const { path, keystore } of files) {
    const key = keystore.pubkey;
    const other = first.get(key);
    if (other !== undefined) throw keystoreDuplicate(key, [other, path]);
    first.set(key, path);
  }
  return files;
}

/** Reads keystores one after another as {@link readKeystores} does, which of two with one key being for the caller to tell. */
export async function* readEachKeystore(
  location: KeystoreLocation,
  warn: (message: string) => void,
): AsyncGenerator<ReadKeystore, void, undefined> {
  let isEmpty = true;
  for await (const keystore of readKeystoresThere(location, warn)) {
    isEmpty = false;
    yield keystore;
  }
  if (!isEmpty) return;
  throw new OperatorError('keystores-missing', `Keystores not found in ${location.keystoresDir}.`, {
    hint: 'Run "create-keys", or name the directory with --keystores-dir.',
  });
}

/** None where there are none. */
async function* readKeystoresThere(
  location: KeystoreLocation,
  warn: (message: string) => void,
): AsyncGenerator<ReadKeystore, void, undefined> {
  const paths = await listKeystorePaths(location.keystoresDir);
  const passwords = new PasswordFiles(location, warn);
  const foreign: string[] = [];
  for (const [i, path] of paths.entries()) {
    // Answers of threads and of nodes are waiting, too.
    if (i % AT_ONCE === AT_ONCE - 1) await setImmediate();
    const keystore = readKeystoreFile(path);
    if (keystore === undefined) {
      foreign.push(relative(location.keystoresDir, path));
      continue;
    }
    const password = await passwords.passwordOf(path);
    yield { path, password, keystore: await nameKeystore(keystore, password, path) };
  }
  if (foreign.length > 0) warn(sayForeign(location.keystoresDir, foreign));
}

function sayForeign(directory: string, names: readonly string[]): string {
  return `JSON files in ${directory} that are no keystores are left out: ${nameList(names)}.`;
}

/** Reads keystores as {@link readKeystores} does; none where there are none, or no directory. */
export async function findKeystores(
  location: KeystoreLocation,
  warn: (message: string) => void,
): Promise<ReadKeystore[]> {
  return existsSync(location.keystoresDir) ? await collect(readKeystoresThere(location, warn)) : [];
}

/** Paths of what counts as a keystore in a directory and those below it, sorted; broken ones among them. */
export async function findKeystorePaths(directory: string): Promise<string[]> {
  const paths = await listKeystorePaths(directory);
  return paths.filter(mayBeKeystore);
}

/** Paths of files with a keystore's name of a directory and of those below it, sorted; see {@link visibleFilesOf}. */
export async function listKeystorePaths(directory: string): Promise<string[]> {
  try {
    return Iterator.from(visibleFilesOf(directory))
      .filter(path => isKeystoreName(basename(path)))
      .toArray()
      .sort();
  } catch (error) {
    throw asFileError(error, directory, 'read');
  }
}

/** Reads each common password file once, however many keystores it opens. */
class PasswordFiles {
  readonly #location: KeystoreLocation;
  readonly #warn: (message: string) => void;
  readonly #common = new Map<string, string | null>();

  constructor(location: KeystoreLocation, warn: (message: string) => void) {
    this.#location = location;
    this.#warn = warn;
  }

  async passwordOf(keystorePath: string): Promise<string> {
    const own = join(
      this.#location.passwordsDir ?? dirname(keystorePath),
      `${basename(keystorePath, '.json')}.txt`,
    );
    // Most keystores have none: to ask costs a twentieth of an error about a file that is not there.
    const ownPassword = isThere(own) ? await this.#read(own) : null;
    if (ownPassword !== null) return ownPassword;
    for (const candidate of this.#location.passwordFiles) {
      const password = await this.#readOnce(candidate);
      if (password !== null) return password;
    }
    throw new OperatorError('password-missing', `No password file for keystore ${keystorePath}.`, {
      hint: `Looked for ${[own, ...this.#location.passwordFiles].join(' and ')}.`,
    });
  }

  async #readOnce(path: string): Promise<string | null> {
    const known = this.#common.get(path);
    if (known !== undefined) return known;
    const password = await this.#read(path);
    this.#common.set(path, password);
    return password;
  }

  async #read(path: string): Promise<string | null> {
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

/** Whether there may be a file: false only when there is certainly none. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/** @param key - bare hex, lower case */
export function keystoreDuplicate(key: string, paths: readonly [string, string]): OperatorError {
  return new OperatorError(
    'keystore-duplicate',
    `Public key 0x${key} stands in two keystores: ${paths[0]} and ${paths[1]}.`,
    { hint: 'Remove one of them; nothing was uploaded.' },
  );
}
