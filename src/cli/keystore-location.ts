import { join } from 'node:path';
import type { KeystoreLocation } from '../services/read-keystores.ts';

/** Where keystores and their passwords are, of `--keystores-dir`, `--keystores-password-dir` and `-file`. */
export function keystoreLocation(
  given: Readonly<Record<`keystores${'Dir' | 'PasswordDir' | 'PasswordFile'}`, string | undefined>>,
  vaultDirectory: string,
): KeystoreLocation {
  const generated = join(vaultDirectory, 'keystores');
  const keystoresDir = given.keystoresDir ?? generated;
  const passwordFiles = given.keystoresPasswordFile
    ? [given.keystoresPasswordFile]
    : [...new Set([keystoresDir, generated])].map(folder => join(folder, 'password.txt'));
  return { keystoresDir, passwordsDir: given.keystoresPasswordDir, passwordFiles };
}
