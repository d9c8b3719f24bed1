import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type DepositDataEntry, parseDepositData } from '../../domain/consensus/deposit-data.ts';
import { OperatorError } from '../../lib/errors.ts';
import { readTextFile } from '../../lib/files.ts';

export interface DepositDataFile {
  readonly path: string;
  readonly entries: readonly DepositDataEntry[];
}

/** Where deposit data is written. */
export function depositDataPath(vaultDirectory: string): string {
  return join(vaultDirectory, 'deposit_data.json');
}

/**
 * Where a vault's deposit data is: beside the keystores' directory, else inside it, where the manual prints it.
 * @returns undefined when there is none
 */
export function findDepositDataPath(vaultDirectory: string): string | undefined {
  const paths = [depositDataPath(vaultDirectory), depositDataPath(join(vaultDirectory, 'keystores'))];
  return paths.find(path => existsSync(path));
}

/**
 * A vault's deposit data, or that of the file named.
 * @throws OperatorError 'deposit-data-missing' in the Python operator's words, or what is wrong in the file
 */
export async function readDepositData(vaultDirectory: string, file?: string): Promise<DepositDataFile> {
  const path = requireDepositDataPath(vaultDirectory, file);
  return { path, entries: parseDepositData(await readTextFile(path), path) };
}

/**
 * Where a vault's deposit data is, unless a file is named.
 * @throws OperatorError 'deposit-data-missing'
 */
export function requireDepositDataPath(
  vaultDirectory: string,
  file: string | undefined = findDepositDataPath(vaultDirectory),
): string {
  if (file !== undefined) return file;
  throw new OperatorError(
    'deposit-data-missing',
    'Deposit data file does not exist. Have you called "create-keys" command?',
  );
}

/** Whether a file's name is that of deposit data: it may lie among the keystores and is none. */
export function isDepositDataName(name: string): boolean {
  return /^deposit[-_]data.*\.json$/.test(name);
}
