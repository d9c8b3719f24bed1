import { randomBytes } from 'node:crypto';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, OperatorError, UsageError } from './errors.ts';

/** Numeric owner of a file, as `chown` takes it; the group stays as it is when left out. */
export interface FileOwner {
  readonly uid: number;
  readonly gid?: number | undefined;
}

/** What a written file must look like whatever the umask: permission bits, and the owner when one is asked for. */
export interface FileAttributes {
  readonly mode: number;
  readonly owner?: FileOwner | undefined;
}

/** Permissions of files that hold keys or passwords, and of all others. */
export const SECRET_FILE_MODE = 0o600;
export const PUBLIC_FILE_MODE = 0o644;

// Dot first: Web3Signer skips dot files, and no client globs them. The writer's pid tells a leftover from a file in work.
const TEMPORARY_NAME = /^\.(.+)\.(\d+)\.[0-9a-f]{16}\.stakewise-tmp$/;
const MEMORY_FILE_SYSTEMS = new Set([0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */]);

/**
 * Writes a file so that readers see the old or the new content, also when the machine stops in between: a temporary
 * file beside it gets data, mode and owner, is fsynced and renamed. Temporary files left by a killed run are removed.
 * @param options.sweep - false in a loop over many files of one directory; call {@link removeLeftovers} once instead
 * @throws OperatorError naming the path (not-writable, disk-full, …); the old file is then untouched
 */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string,
  options: FileAttributes & { readonly sweep?: boolean },
): Promise<void> {
  if (options.sweep ?? true) await removeLeftovers(dirname(path), basename(path));
  const temporary = await writeTemporary(path, data, options);
  await publishOrRemove(temporary, path, () => rename(temporary, path));
  await syncDirectoryEntry(dirname(path));
}

/**
 * Like {@link writeFileAtomic}, but a file that holds these bytes already keeps its mtime; mode and owner are corrected.
 * @returns what was done
 */
export async function writeIfChanged(
  path: string,
  data: Uint8Array | string,
  attributes: FileAttributes,
): Promise<'added' | 'changed' | 'adjusted' | 'unchanged'> {
  const state = await compareFile(path, data, attributes);
  if (state === 'adjusted') await adjustAttributes(path, attributes);
  else if (state !== 'unchanged') await writeFileAtomic(path, data, attributes);
  return state;
}

/**
 * Creates a file that must not exist yet, complete or not at all: a killed run never leaves half a keystore behind.
 * @throws OperatorError 'file-exists' and those of {@link writeFileAtomic}
 */
export async function createFileExclusive(
  path: string,
  data: Uint8Array | string,
  attributes: FileAttributes = { mode: SECRET_FILE_MODE },
): Promise<void> {
  const temporary = await writeTemporary(path, data, attributes);
  // A hard link fails where rename would overwrite.
  await publishOrRemove(temporary, path, () => link(temporary, path));
  await unlink(temporary);
  await syncDirectoryEntry(dirname(path));
}

/**
 * Makes a directory with its parents. Those made here get mode and owner; the directory itself also gets the owner when
 * it was there before (a volume mounted as root), but keeps its mode.
 * @throws OperatorError naming the path
 */
export async function ensureDirectory(path: string, attributes: FileAttributes): Promise<void> {
  const directory = resolve(path);
  try {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (first === undefined) {
      if (attributes.owner) await adjustAttributes(directory, { owner: attributes.owner });
      return;
    }
    for (let made = directory; ; made = dirname(made)) {
      await adjustAttributes(made, attributes);
      if (made === first) break;
    }
  } catch (error) {
    // mkdir says "exists" of a file in its way.
    const inTheWay =
      codeOf(error) === 'EEXIST' ? Object.assign(new Error('file in the way'), { code: 'ENOTDIR' }) : error;
    throw asFileError(inTheWay, directory, 'write');
  }
}

/** What a write of these bytes would do to the file: add it, change it, correct its mode or owner only, or nothing. */
export async function compareFile(
  path: string,
  data: Uint8Array | string,
  { mode, owner }: FileAttributes,
): Promise<'added' | 'changed' | 'adjusted' | 'unchanged'> {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  try {
    const stats = await lstat(path).catch(ignoreMissing);
    if (stats === undefined) return 'added';
    if (stats.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    // A link is replaced by a file of our own: its target may belong to somebody else.
    if (!stats.isFile() || stats.size !== bytes.length) return 'changed';
    if (Buffer.compare(await readFileBytes(path), bytes) !== 0) return 'changed';
    return hasAttributes(stats, { mode, owner }) ? 'unchanged' : 'adjusted';
  } catch (error) {
    throw asFileError(error, path, 'write');
  }
}

/** Whether a file's mode is this, and its owner too when one is asked for. */
export function hasAttributes(
  stats: { readonly mode: number; readonly uid: number; readonly gid: number },
  { mode, owner }: FileAttributes,
): boolean {
  return (stats.mode & 0o7777) === mode && ownedBy(stats, owner);
}

/** Content of a file. @throws OperatorError naming the path (file-missing, not-readable) */
export async function readFileBytes(path: string): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await file.readFile();
  } catch (error) {
    throw asFileError(error, path, 'read');
  } finally {
    await file?.close();
  }
}

/**
 * Sets mode and owner where they differ.
 * @throws OperatorError naming the path
 */
export async function adjustAttributes(path: string, wanted: Partial<FileAttributes>): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    await applyAttributes(file, wanted);
  } catch (error) {
    throw asFileError(error, path, 'write');
  } finally {
    await file?.close();
  }
}

/**
 * Writes data, mode and owner of `path` into a fsynced temporary file beside it; the caller renames it.
 * @returns the temporary file's path; on failure there is no such file any more
 */
export async function writeTemporary(
  path: string,
  data: Uint8Array | string,
  attributes: FileAttributes,
): Promise<string> {
  const name = `.${basename(path)}.${process.pid}.${randomBytes(8).toString('hex')}.stakewise-tmp`;
  const temporary = join(dirname(path), name);
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, 'wx', 0o600);
    await file.writeFile(data);
    await applyAttributes(file, attributes);
    await file.sync();
    await file.close();
    return temporary;
  } catch (error) {
    await file?.close().catch(() => undefined);
    if (file) await unlink(temporary).catch(() => undefined);
    throw asFileError(error, path, 'write');
  }
}

/**
 * Removes temporary files of runs that ended without cleaning up; those of a process that still runs are left alone.
 * Process numbers repeat between containers, so one of our own number is a leftover too: call it before writing.
 * @param target - only those of this file name
 */
export async function removeLeftovers(directory: string, target?: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    const match = TEMPORARY_NAME.exec(name);
    if (!match || (target !== undefined && match[1] !== target)) continue;
    const pid = Number(match[2]);
    if (pid !== process.pid && isRunning(pid)) continue;
    await unlink(join(directory, name)).catch(ignoreMissing);
  }
}

/** Makes renames and removals in a directory durable. File systems that cannot are let pass. */
export async function syncDirectoryEntry(directory: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(directory, 'r');
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EACCES'].includes(codeOf(error)))
      throw asFileError(error, directory, 'write');
  } finally {
    await handle?.close();
  }
}

/** Whether the directory (or the nearest one above it that exists) is on tmpfs or ramfs: its files never reach a disk. */
export async function isMemoryFileSystem(path: string): Promise<boolean> {
  for (let directory = resolve(path); ; directory = dirname(directory)) {
    const stats = await statfs(directory).catch(ignoreMissing);
    if (stats) return MEMORY_FILE_SYSTEMS.has(stats.type >>> 0);
    if (directory === dirname(directory)) return false;
  }
}

/** Permission bits of `0640`, `640` or `0o640`. @throws UsageError */
export function parseFileMode(text: string): number {
  const match = /^(?:0o?)?([0-7]{3})$/.exec(text.trim());
  if (!match) throw new UsageError('invalid-file-mode', `"${text}" is not a file mode such as 0640.`);
  const mode = Number.parseInt(match[1] ?? '', 8);
  if ((mode & 0o600) !== 0o600) {
    throw new UsageError('invalid-file-mode', `File mode ${text} would lock out the owner of the files.`);
  }
  return mode;
}

/** Mode of a directory whose files have this mode: whoever may read them may also enter. */
export function directoryModeOf(fileMode: number): number {
  return fileMode | ((fileMode & 0o444) >> 2);
}

/** Owner of `1000` or `1000:1000`. @throws UsageError */
export function parseOwner(text: string): FileOwner {
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text.trim());
  const [uid, gid] = [Number(match?.[1]), match?.[2] === undefined ? undefined : Number(match[2])];
  // 2^32-1 means "unchanged" to chown.
  if (!match || uid >= 0xffff_ffff || (gid ?? 0) >= 0xffff_ffff) {
    throw new UsageError(
      'invalid-owner',
      `"${text}" is not an owner such as 1000 or 1000:1000 (numbers only).`,
    );
  }
  return gid === undefined ? { uid } : { uid, gid };
}

async function publishOrRemove(temporary: string, path: string, publish: () => Promise<void>): Promise<void> {
  try {
    await publish();
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw asFileError(error, path, 'write');
  }
}

async function applyAttributes(file: FileHandle, { mode, owner }: Partial<FileAttributes>): Promise<void> {
  const stats = await file.stat();
  if (mode !== undefined && (stats.mode & 0o7777) !== mode) await file.chmod(mode);
  if (owner && !ownedBy(stats, owner)) await file.chown(owner.uid, owner.gid ?? stats.gid);
}

function ownedBy(stats: { uid: number; gid: number }, owner: FileOwner | undefined): boolean {
  return owner === undefined || (stats.uid === owner.uid && stats.gid === (owner.gid ?? stats.gid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
  return undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** An error of `node:fs` as one that a user can act on; anything already so is passed through. */
export function asFileError(error: unknown, path: string, action: 'read' | 'write'): OperatorError {
  if (error instanceof OperatorError) return error;
  const options = { cause: error };
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return action === 'read'
        ? new OperatorError('not-readable', `${path} is not readable for this user.`, options)
        : new OperatorError('not-writable', `${path} is not writable for this user.`, {
            ...options,
            hint: 'Check the owner and mode of the directory; only root can give files to another owner.',
          });
    case 'ENOSPC':
    case 'EDQUOT':
      return new OperatorError(
        'disk-full',
        `Disk full while writing ${path}; nothing was changed there.`,
        options,
      );
    case 'ENOENT':
      return new OperatorError('file-missing', `${path} does not exist.`, options);
    case 'EEXIST':
      return new OperatorError('file-exists', `${path} exists already and is not overwritten.`, options);
    case 'ENOTDIR':
      return new OperatorError(
        'not-a-directory',
        `${path} is a file or lies below one, expected a directory.`,
        options,
      );
    case 'EISDIR':
      return new OperatorError('is-a-directory', `${path} is a directory, expected a file.`, options);
    default:
      return new OperatorError('file-error', `Cannot ${action} ${path}: ${messageOf(error)}`, options);
  }
}
