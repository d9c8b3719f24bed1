import { existsSync } from 'node:fs';
import { type OwnCheck, passed, skipped } from '../../../domain/fleet/doctor/check.ts';
import { isMemoryFileSystem } from '../../../lib/files.ts';
import { permissionWarning } from '../../../lib/secret.ts';

/** Whether other users of this machine can read a secret. @param paths - those that do not exist are passed over */
export async function checkSecretFiles(paths: readonly string[]): Promise<OwnCheck[]> {
  const there = [...new Set(paths)].filter(path => existsSync(path));
  if (there.length === 0)
    return [skipped('file-mode', 'secret files', 'none is named, and none is in the vault directory')];
  return await Promise.all(
    there.map(async (path): Promise<OwnCheck> => {
      const warning = await permissionWarning(path);
      if (warning === undefined) return passed('file-mode', path, 'only its owner can read it');
      return {
        code: 'file-mode',
        severity: 'warn',
        where: path,
        what: 'other users can read it',
        hint: `chmod 600 ${path}`,
      };
    }),
  );
}

/** Whether the folder of Web3Signer's key files, which are in clear text, is kept in memory. */
export async function checkKeyFiles(directory: string | undefined): Promise<OwnCheck> {
  const code = 'key-files-on-disk';
  if (directory === undefined) return skipped(code, 'key files', '--key-files-dir names no folder');
  if (await isMemoryFileSystem(directory)) return passed(code, directory, 'is on a memory file system');
  return {
    code,
    severity: 'warn',
    where: directory,
    what: 'is on a disk, which keeps keys in clear text also after they are removed',
    hint: 'Mount a tmpfs there: docs/validator-clients.md',
  };
}
