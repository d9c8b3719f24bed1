import { randomBytes } from 'node:crypto';
import { accessSync, constants, fstatSync, lstatSync, readdirSync, unlinkSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { messageOf, OperatorError } from '../errors.ts';
import { codeOf } from '../file-errors.ts';
import { loadSqlite, sqliteResultOf } from '../sqlite.ts';
import { createLockFile } from './lock-files.ts';

/** A lock on a file that the kernel keeps for this process: it ends with the process, however that ends. */
export interface KernelLock {
  /** Device and inode: names the locked file among all files of this machine. */
  readonly file: string;
  release(): void;
}

/** Tries to lock a file: 'held' when another process has the lock, 'unavailable' on a file system without locks. */
export type TryKernelLock = (path: string) => KernelLock | 'held' | 'unavailable';

// Result codes of SQLite.
const BUSY = 5;
const IO_ERROR = 10;

/**
 * Locks a file by SQLite's exclusive transaction, which is a lock of the kernel (fcntl) on bytes far beyond its end: it
 * holds between containers, which share a kernel, and on NFS between machines. Nothing is ever written into the file.
 * No other code may open it: a process that closes one of its handles loses the locks of all others.
 */
export const tryKernelLock: TryKernelLock = path => {
  for (;;) {
    createLockFile(path);
    const id = idOf(path);
    if (id === undefined) continue;
    const database = lockExclusively(path);
    if (database === undefined)
      return hasLocks(`${path}.${randomBytes(8).toString('hex')}`) ? 'held' : 'unavailable';
    // Whoever had it last has removed it, perhaps after it was opened here: then the lock is on a file without a name.
    const file = idOf(path);
    if (file !== undefined && isOpenHere(file))
      return { file, release: () => removeAndClose(path, database) };
    database.close();
  }
};

/** "No locks available" looks like "in use" to SQLite: a file that nobody else knows tells them apart. */
function hasLocks(probe: string): boolean {
  createLockFile(probe);
  try {
    const database = lockExclusively(probe);
    database?.close();
    return database !== undefined;
  } finally {
    unlinkSync(probe);
  }
}

function removeAndClose(path: string, database: DatabaseSync): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  } finally {
    database.close();
  }
}

/** Device and inode, undefined when the file has just been removed. */
function idOf(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (!stats.isFile()) throw notALockFile(path, 'it is no regular file');
  // SQLite only says that it cannot open it.
  accessSync(path, constants.R_OK | constants.W_OK);
  return `${stats.dev}:${stats.ino}`;
}

/** Whether this process has the file open. Its inode is not given to another file as long as it has. */
function isOpenHere(id: string): boolean {
  return readdirSync(process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd').some(handle => {
    try {
      const { dev, ino } = fstatSync(Number(handle));
      return `${dev}:${ino}` === id;
    } catch {
      // The handle of the listing itself.
      return false;
    }
  });
}

/** @returns undefined when the kernel refuses the lock */
function lockExclusively(path: string): DatabaseSync | undefined {
  const sqlite = loadSqlite();
  let database: DatabaseSync | undefined;
  try {
    database = new sqlite.DatabaseSync(path, { timeout: 0 });
    // A journal would be a second file, which a killed process leaves behind.
    database.exec('pragma journal_mode = memory; begin exclusive');
    return database;
  } catch (error) {
    database?.close();
    const result = sqliteResultOf(error);
    if (result === BUSY || result === IO_ERROR) return undefined;
    if (result === undefined) throw error;
    throw notALockFile(path, messageOf(error), error);
  }
}

function notALockFile(path: string, reason: string, cause?: unknown): OperatorError {
  return new OperatorError('lock-failed', `${path} cannot be locked: ${reason}.`, {
    hint: 'The file is empty and made by this program. Move away what is there in its place.',
    cause,
  });
}
