import { join } from 'node:path';
import type { KeystoreLocation } from '../services/local-keys/read-keystores.ts';

/** What was given of `--keystores-dir`, `--keystores-password-dir` and `--keystores-password-file`. */
interface KeystoresGiven {
  readonly keystoresDir: string | undefined;
  readonly keystoresPasswordDir: string | undefined;
  readonly keystoresPasswordFile: string | undefined;
}

/** Where keystores and their passwords are; what "create-keys" has made, where nothing else was named. */
export function keystoreLocation(given: KeystoresGiven, vaultDirectory: string): KeystoreLocation {
  const generated = join(vaultDirectory, 'keystores');
  const keystoresDir = given.keystoresDir ?? generated;
  return {
    keystoresDir,
    passwordsDir: given.keystoresPasswordDir,
    passwordFiles: passwordFilesOf(given, [keystoresDir, generated]),
  };
}

/** The file that was named, else those of the directories that may have one. */
export function passwordFilesOf(
  { keystoresPasswordFile }: Pick<KeystoresGiven, 'keystoresPasswordFile'>,
  directories: readonly string[],
): string[] {
  if (keystoresPasswordFile) return [keystoresPasswordFile];
  return [...new Set(directories.map(directory => join(directory, 'password.txt')))];
}
