import { type BigIntStats, constants, type Dirent, type Stats } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from './errors.ts';
import { applyAttributes, type FileAttributes } from './file-attributes.ts';
import { asFileError, codeOf } from './file-errors.ts';

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
// Not among Node's constants: a handle that may only search its directory. The number of every Linux that Node runs on.
const O_PATH = process.platform === 'linux' ? 0o10000000 : undefined;
/** What no entry of a directory may be larger than to be read: somebody else may have put it there. */
const MAX_ENTRY_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

/** Who a directory belongs to, and which one it is. */
export interface DirectoryFacts {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly identity: string;
}

/**
 * A directory that is held by an open handle: whatever its path leads to meanwhile, its entries are those of the directory
 * that was opened. On Linux they are reached through `/proc/self/fd/N/name`, which means what `openat` does: no component
 * before the name is looked up again. Where there is no such path (macOS, a container without /proc) entries are reached by
 * the directory's own path, and device and inode are compared before and after: a change is noticed, though not prevented.
 */
export class HeldDirectory implements AsyncDisposable {
  /** The path by which it is known to the user. */
  readonly path: string;
  readonly facts: DirectoryFacts;
  readonly #handle: FileHandle;
  /** The directory's path when it was opened, no component a link that was not followed on purpose. */
  readonly #place: string;
  /** Path through the handle; undefined without /proc. */
  readonly #handlePath: string | undefined;
  #isOpen = true;

  private constructor(
    path: string,
    place: string,
    handle: FileHandle,
    facts: DirectoryFacts,
    byPath: boolean,
  ) {
    this.path = path;
    this.facts = facts;
    this.#place = place;
    this.#handle = handle;
    this.#handlePath = byPath ? undefined : handlePathOf(handle);
  }

  /**
   * Opens a directory.
   * @param options.at - how to reach it now, when `path` is only its name
   * @param options.followLink - false: a link in its last component is refused with ENOTDIR or ELOOP
   * @param options.byHandle - false: does without /proc
   * @throws the error of `open`
   */
  static async open(
    path: string,
    options: {
      readonly at?: string | undefined;
      readonly followLink: boolean;
      readonly byHandle?: boolean | undefined;
    },
  ): Promise<HeldDirectory> {
    const { at = path, followLink, byHandle = true } = options;
    const handle = await openDirectory(at, followLink ? 0 : O_NOFOLLOW);
    try {
      const facts = factsOf(await handle.stat({ bigint: true }));
      const seen = await stat(`${handlePathOf(handle)}/.`, { bigint: true }).catch(() => undefined);
      const byPath = !byHandle || seen === undefined || identityOf(seen) !== facts.identity;
      const held = new HeldDirectory(path, path, handle, facts, byPath);
      if (byPath) await held.confirm();
      return held;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The same directory under the name that a user knows it by; this one must not be used any more. */
  named(path: string): HeldDirectory {
    return new HeldDirectory(path, this.#place, this.#handle, this.facts, this.#handlePath === undefined);
  }

  /** Path of an entry, as messages name it. */
  pathOf(name: string): string {
    return join(this.path, name);
  }

  /** Does something with an entry, given a path to reach it by. */
  async at<T>(name: string, operation: (path: string) => Promise<T>): Promise<T> {
    if (name === '' || name.includes('/') || name.includes('\0'))
      throw new RangeError(`"${name}" is no file name`);
    if (this.#handlePath !== undefined) return await operation(`${this.#handlePath}/${name}`);
    await this.confirm();
    const result = await operation(join(this.#place, name));
    await this.confirm();
    return result;
  }

  /** The directory's entries, in no order. @throws OperatorError naming the directory */
  async entries(): Promise<Dirent[]> {
    try {
      return await this.at('.', path => readdir(path, { withFileTypes: true }));
    } catch (error) {
      throw asFileError(error, this.path, 'read');
    }
  }

  /**
   * Content and facts of a regular file. What is there in a file's place is never followed, and never waited for: a link, a
   * pipe without a writer, a file under a lease.
   * @returns 'missing', or 'irregular' for a link, a pipe, a device, a socket
   * @throws OperatorError naming the file: 'is-a-directory', 'file-too-large', 'not-readable'
   */
  async read(name: string): Promise<EntryContent | 'missing' | 'irregular'> {
    return await this.#open(name, readEntry);
  }

  /**
   * Compares a regular file with bytes, piece by piece: unlike {@link read}, files of any size, and none of them is held whole.
   * @returns facts of a file that holds exactly these bytes; 'different' also for what is no regular file
   * @throws OperatorError naming the file: 'is-a-directory', 'not-readable'
   */
  async compare(name: string, bytes: Uint8Array): Promise<EntryFacts | 'missing' | 'different'> {
    const found = await this.#open(name, (file, stats) => compareFile(file, stats, bytes));
    return found === 'irregular' ? 'different' : found;
  }

  /** Does something with a regular file that is open. */
  async #open<T>(
    name: string,
    use: (file: FileHandle, stats: Stats) => Promise<T>,
  ): Promise<T | 'missing' | 'irregular'> {
    try {
      return await this.at(name, path => withEntry(path, use));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return 'missing';
      if (['ELOOP', 'EMLINK', 'ENXIO', 'EAGAIN', 'EWOULDBLOCK'].includes(codeOf(error))) return 'irregular';
      if (codeOf(error) === 'ERR_FS_FILE_TOO_LARGE') throw tooLarge(this.pathOf(name));
      throw asFileError(error, this.pathOf(name), 'read');
    }
  }

  /** Gives the directory itself a mode, an owner, or both. See `prepareDirectory` for who may call it. */
  async setAttributes(attributes: Partial<FileAttributes>): Promise<void> {
    await applyAttributes(this.#handle, attributes);
  }

  /** Makes renames and removals durable. File systems that cannot are let pass. */
  async sync(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (error) {
      // EBADF: a handle that may only search.
      if (!['EINVAL', 'ENOTSUP', 'EACCES', 'EBADF'].includes(codeOf(error))) {
        throw asFileError(error, this.path, 'write');
      }
    }
  }

  /**
   * Insists that the path still leads here.
   * @throws OperatorError 'directory-swapped'
   */
  async confirm(): Promise<void> {
    const now = await stat(this.#place, { bigint: true }).catch(() => undefined);
    if (now !== undefined && identityOf(now) === this.facts.identity) return;
    throw directorySwapped(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }
}

/** Mode and owner of a file. */
export interface EntryFacts {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** How many names the file has. */
  readonly nlink: number;
}

export interface EntryContent {
  readonly content: Buffer;
  readonly stats: EntryFacts;
}

async function withEntry<T>(
  path: string,
  use: (file: FileHandle, stats: Stats) => Promise<T>,
): Promise<T | 'irregular'> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    return stats.isFile() ? await use(file, stats) : 'irregular';
  } finally {
    await file.close();
  }
}

async function readEntry(file: FileHandle, stats: Stats): Promise<EntryContent> {
  if (stats.size > MAX_ENTRY_BYTES) {
    throw Object.assign(new Error('is too large'), { code: 'ERR_FS_FILE_TOO_LARGE' });
  }
  return { content: await readBytes(file, stats.size), stats };
}

/** The file may hold secrets: no piece of it is left behind. */
async function compareFile(
  file: FileHandle,
  stats: Stats,
  bytes: Uint8Array,
): Promise<EntryFacts | 'different'> {
  if (stats.size !== bytes.length) return 'different';
  const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytes.length));
  try {
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, bytes.length - at), at);
      const wanted = bytes.subarray(at, at + bytesRead);
      if (bytesRead === 0 || Buffer.compare(piece.subarray(0, bytesRead), wanted) !== 0) return 'different';
      at += bytesRead;
    }
    return stats;
  } finally {
    piece.fill(0);
  }
}

/** Reads so many bytes and no more: whoever has the file too may let it grow without an end. */
async function readBytes(file: FileHandle, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(buffer, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function openDirectory(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, O_RDONLY | O_DIRECTORY | flags);
  } catch (error) {
    // One that may be searched, and perhaps written to, but not listed.
    if (codeOf(error) !== 'EACCES' || O_PATH === undefined) throw error;
    return await open(path, O_PATH | O_DIRECTORY | flags);
  }
}

function handlePathOf(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

function factsOf(stats: BigIntStats): DirectoryFacts {
  return {
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mode: Number(stats.mode),
    identity: identityOf(stats),
  };
}

/** What tells a file from all others, as text: inode numbers need all of their 64 bits. */
function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** The error of a directory that is no longer the one that was opened by its path. */
export function directorySwapped(path: string): OperatorError {
  return new OperatorError(
    'directory-swapped',
    `Another process put something else in the place of the directory ${path} meanwhile.`,
    { hint: 'Find out who writes to the directory above it, then run the command again.' },
  );
}

function tooLarge(path: string): OperatorError {
  return new OperatorError(
    'file-too-large',
    `${path} is larger than ${MAX_ENTRY_BYTES / 1024 / 1024} MiB: it is none of the files that are written here.`,
    { hint: 'Move it away, then run the command again.' },
  );
}
