import { readFileSync } from 'node:fs';
import { constants, type FileHandle, open, statfs } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { UsageError } from './errors.ts';
import type { FileAttributes, FileOwner } from './file-attributes.ts';
import { asFileError, codeOf, ignoreMissing } from './file-errors.ts';
import { HeldDirectory } from './held-directory.ts';
import {
  createEntry,
  removeLeftoversIn,
  replaceEntry,
  type WriteResult,
  writeEntryIfChanged,
} from './held-files.ts';
import { prepareDirectory } from './output-directory.ts';
import { decodeText, plainTextBytes } from './text.ts';

export type { FileAttributes, FileOwner } from './file-attributes.ts';
export { asFileError } from './file-errors.ts';

/** Permissions of files that hold keys or passwords, and of all others. */
export const SECRET_FILE_MODE = 0o600;
export const PUBLIC_FILE_MODE = 0o644;

const PIECE_LENGTH = 1024 * 1024;
const MEMORY_FILE_SYSTEMS = new Set([0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */]);

/**
 * Writes a file so that readers see the old or the new content, also when the machine stops in between: a temporary
 * file beside it gets data, mode and owner, is fsynced and renamed. Temporary files left by a killed run are removed.
 * @throws OperatorError naming the path (not-writable, disk-full, …); the old file is then untouched
 */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string,
  attributes: FileAttributes,
): Promise<void> {
  await using directory = await holdParent(path);
  const name = basename(path);
  await removeLeftoversIn(directory, name);
  await replaceEntry(directory, name, data, attributes);
}

/**
 * Like {@link writeFileAtomic}, but a file that holds these bytes already keeps its mtime; one with another mode or owner is
 * written anew.
 * @returns what was done
 */
export async function writeIfChanged(
  path: string,
  data: Uint8Array | string,
  attributes: FileAttributes,
): Promise<WriteResult> {
  await using directory = await holdParent(path);
  return await writeEntryIfChanged(directory, basename(path), data, attributes);
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
  await using directory = await holdParent(path);
  await createEntry(directory, basename(path), data, attributes);
}

/**
 * Makes a directory with its parents. Those made here get mode and owner; the directory itself also gets the owner when
 * it was there before (a volume mounted as root), but keeps its mode.
 * @throws OperatorError naming the path; see {@link prepareDirectory} for what is refused with an owner
 */
export async function ensureDirectory(path: string, attributes: FileAttributes): Promise<void> {
  await using _directory = await prepareDirectory(path, attributes);
}

/** Content of a file, links followed: secret volumes are made of them. @throws OperatorError naming the path (file-missing, not-readable) */
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

/** Text of a file: see {@link decodeText}. @throws OperatorError as {@link readFileBytes} does */
export async function readTextFile(path: string): Promise<string> {
  return decodeText(await readFileBytes(path));
}

/**
 * {@link readTextFile}, which holds up this thread meanwhile: of a small file, five microseconds instead of fifty and more.
 * @throws OperatorError naming the path (file-missing, not-readable)
 */
export function readTextAtOnce(path: string): string {
  try {
    return decodeText(readFileSync(path));
  } catch (error) {
    throw asFileError(error, path, 'read');
  }
}

/** A file in PEM, for OpenSSL, which knows no byte order mark. @throws OperatorError as {@link readFileBytes} does */
export async function readPemFile(path: string): Promise<Uint8Array> {
  return plainTextBytes(await readFileBytes(path));
}

/**
 * Text of a file that may not be there; undefined also for what is no regular file. Others may own the directory: a pipe in
 * the file's place must not hold up whoever reads.
 * @throws OperatorError 'not-readable' and such
 */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return (await file.stat()).isFile() ? decodeText(await file.readFile()) : undefined;
  } catch (error) {
    const failure = asFileError(error, path, 'read');
    if (failure.code === 'file-missing') return undefined;
    throw failure;
  } finally {
    await file?.close();
  }
}

/**
 * What {@link readTextIfThere} reads, in pieces, each of which is there until the next is asked for; none of what is not there.
 * @throws OperatorError 'not-readable' and such
 */
export async function* readPiecesIfThere(path: string): AsyncGenerator<Buffer, void, undefined> {
  const piece = Buffer.alloc(PIECE_LENGTH);
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) return;
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } catch (error) {
    const failure = asFileError(error, path, 'read');
    if (failure.code !== 'file-missing') throw failure;
  } finally {
    await file?.close();
  }
}

/** Whether a file has other bytes than these, or is not there. @throws OperatorError as {@link readPiecesIfThere} does */
export async function isOtherFile(path: string, data: Uint8Array | string): Promise<boolean> {
  const wanted = Buffer.from(data);
  let at = 0;
  for await (const piece of readPiecesIfThere(path)) {
    if (!piece.equals(wanted.subarray(at, at + piece.length))) return true;
    at += piece.length;
  }
  return at !== wanted.length;
}

/**
 * Removes temporary files of runs that ended without cleaning up; those of a process that still runs are left alone.
 * Process numbers repeat between containers, so one of our own number is a leftover too: call it before writing.
 * @param target - only those of this file name
 */
export async function removeLeftovers(path: string, target?: string): Promise<void> {
  await using directory = await HeldDirectory.open(path, { followLink: true }).catch(() => undefined);
  if (directory !== undefined) await removeLeftoversIn(directory, target);
}

/** Makes renames and removals in a directory durable. File systems that cannot are let pass. */
export async function syncDirectoryEntry(path: string): Promise<void> {
  await using directory = await HeldDirectory.open(path, { followLink: true }).catch((error: unknown) => {
    if (codeOf(error) === 'EACCES') return undefined;
    throw asFileError(error, path, 'write');
  });
  await directory?.sync();
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
  const uid = Number(match?.[1]);
  const gid = match?.[2] === undefined ? undefined : Number(match[2]);
  // 2^32-1 means "unchanged" to chown.
  if (!match || uid >= 0xffff_ffff || (gid ?? 0) >= 0xffff_ffff) {
    throw new UsageError(
      'invalid-owner',
      `"${text}" is not an owner such as 1000 or 1000:1000 (numbers only).`,
    );
  }
  return gid === undefined ? { uid } : { uid, gid };
}

/** The directory of a file, links to it followed. Errors name the file. */
async function holdParent(path: string): Promise<HeldDirectory> {
  try {
    return await HeldDirectory.open(dirname(path), { followLink: true });
  } catch (error) {
    throw asFileError(error, path, 'write');
  }
}
