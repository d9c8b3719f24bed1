import { closeSync, constants, fchownSync, lstatSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../file-errors.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** More than any lock file has: what is longer is none. */
const LONGEST = 4096;

/**
 * Creates a private file that must not exist yet. What root creates in somebody's directory belongs to its owner: a lock
 * file that stays would lock him out.
 * @returns false when something of that name is there
 */
export function createLockFile(path: string, text = ''): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    if (process.geteuid?.() === 0) {
      const { uid, gid } = lstatSync(dirname(path));
      if (uid !== 0) fchownSync(file, uid, gid);
    }
    if (text !== '') writeSync(file, text);
    return true;
  } finally {
    closeSync(file);
  }
}

/** Text of a lock file, undefined when there is none; a link is not followed. */
export function readLockFile(path: string): string | undefined {
  try {
    const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      return readText(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Text at the beginning of an open file. */
export function readText(file: number): string {
  const bytes = Buffer.alloc(LONGEST);
  return bytes.toString('utf8', 0, readSync(file, bytes, 0, LONGEST, 0));
}
