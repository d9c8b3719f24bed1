import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { asFileError, ensureDirectory } from '../../lib/files.ts';
import { type FileLock, lockFile } from '../../lib/locks/file-lock.ts';
import { owned } from '../../lib/owned.ts';

/** How the commands name a vault's directory. */
export const VAULT_DIRECTORY_NAME = /^0x[0-9a-f]{40}$/;

/**
 * Takes a vault's directory for this process: whatever changes keystores, passwords, deposit data or configuration there
 * does it alone. The directory is made when it is missing.
 * @param onWatch - told when the lock of a process has to be watched that may be dead
 * @throws OperatorError 'vault-in-use' naming the other process, 'not-permitted'
 */
export async function lockVaultDirectory(
  vaultDirectory: string,
  onWatch: (message: string) => void,
): Promise<FileLock> {
  await ensureDirectory(vaultDirectory, { mode: 0o755 });
  // Inside, since a volume may be mounted at this very directory.
  const path = join(vaultDirectory, '.lock');
  const subject = `the vault directory ${vaultDirectory}`;
  const hint = 'Wait for the other command to end, then run this one again.';
  return await lockFile(path, { code: 'vault-in-use', subject, hint }, { onWatch });
}

/**
 * Takes the directories of all initialised vaults in which these files and directories lie; none where they lie elsewhere.
 * One that this user can only read is left out: it is not he who changes it.
 * @throws OperatorError of {@link lockVaultDirectory}
 */
export async function lockVaultsOf(
  paths: readonly string[],
  onWatch: (message: string) => void,
): Promise<FileLock> {
  await using stack = new AsyncDisposableStack();
  const locks: FileLock[] = [];
  const directories = new Set(paths.flatMap(findVaultDirectories));
  for (const directory of [...directories].sort()) {
    if (isWritable(directory)) locks.push(stack.use(await lockVaultDirectory(directory, onWatch)));
  }
  return owned(stack, {
    assertHeld() {
      for (const lock of locks) lock.assertHeld();
    },
  });
}

/** The vault directories above a path, and above where its links lead, by their real paths: none is taken twice. */
function findVaultDirectories(path: string): string[] {
  let existing = resolve(path);
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    return [existing, realpathSync(existing)]
      .flatMap(start => vaultDirectoryAbove(start) ?? [])
      .map(directory => realpathSync(directory));
  } catch (error) {
    throw asFileError(error, existing, 'read');
  }
}

function vaultDirectoryAbove(start: string): string | undefined {
  for (let directory = start; ; directory = dirname(directory)) {
    if (VAULT_DIRECTORY_NAME.test(basename(directory)) && existsSync(join(directory, 'config.json'))) {
      return directory;
    }
    if (directory === dirname(directory)) return undefined;
  }
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
