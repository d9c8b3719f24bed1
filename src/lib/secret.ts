import { stat } from 'node:fs/promises';
import { OperatorError } from './errors.ts';
import { asFileError, readFileBytes } from './files.ts';
import { isOnReadOnlyMount } from './read-only-mount.ts';
import { decodeText } from './text.ts';

export interface SecretFile {
  readonly value: string;
  /** Sentences for the user; they never contain the secret. */
  readonly warnings: readonly string[];
}

/**
 * Reads a secret from a file (or pipe) named by a `--x-file` option or `X_FILE` variable. One trailing newline is not
 * part of the secret. Never asks anything.
 * @throws OperatorError naming the path: missing, not readable, empty, or not text
 */
export async function readSecretFile(path: string): Promise<SecretFile> {
  const bytes = await readFileBytes(path);
  try {
    const value = decodeText(bytes, { fatal: true }).replace(/\r?\n$/, '');
    if (value === '') throw new OperatorError('empty-secret-file', `${path} is empty, expected a secret.`);
    const warning = await permissionWarning(path);
    return { value, warnings: warning === undefined ? [] : [warning] };
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError('invalid-secret-file', `${path} is not UTF-8 text.`);
  } finally {
    bytes.fill(0);
  }
}

/**
 * What a secret may have been besides what stands in its file: without blanks and line ends behind it, then without those before
 * it. None of both where it has none, or is nothing else.
 */
export function trimmedForms(secret: string): string[] {
  const forms = new Set([secret.trimEnd(), secret.trim()]);
  forms.delete(secret);
  forms.delete('');
  return [...forms];
}

/**
 * A warning when other users of this machine can read a secret's file, else undefined. Pipes and devices have no
 * permissions worth a warning; nor has a file that only this process's own group can read besides, on a mount that nobody here can
 * change: so Kubernetes mounts a secret for a pod with an fsGroup.
 * @throws OperatorError naming the path
 */
export async function permissionWarning(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch((error: unknown) => {
    throw asFileError(error, path, 'read');
  });
  if (!stats.isFile() || (stats.mode & 0o044) === 0) return undefined;
  const isForOwnGroup = (stats.mode & 0o004) === 0 && ownGroups().includes(stats.gid);
  if (isForOwnGroup && (await isOnReadOnlyMount(path))) return undefined;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  return `${path} can be read by other users (mode ${mode}); chmod 600 keeps it private.`;
}

function ownGroups(): readonly (number | undefined)[] {
  return [process.getegid?.(), ...(process.getgroups?.() ?? [])];
}
