import { closeSync, constants, fstatSync, lstatSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from './errors.ts';
import { oneLine, printable } from './foreign-text.ts';
import { isPutByUs } from './output-directory.ts';

/** What Kubernetes keeps of it. */
const MAX_LENGTH = 4096;
const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/**
 * Writes why the process ends where its supervisor looks for it (Kubernetes: `terminationMessagePath`). Never fails and
 * never waits: the reason itself is what counts. Appended, since the file may be a device; at once, since the process may
 * be ending. A link is followed only where nobody else could have put it (`/dev/stderr` is one): the reason holds words of
 * others, which must not end up in a file of theirs to choose.
 */
export function writeTerminationLog(path: string, message: string): void {
  try {
    const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | linkFlag(path), 0o644);
    try {
      const stats = fstatSync(file);
      if (stats.isFile() && stats.nlink > 1) throw new Error('it has another name as well');
      writeSync(file, `${printable(message).slice(0, MAX_LENGTH - 1)}\n`);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    process.stderr.write(`Warning: cannot write ${oneLine(path)}: ${messageOf(error)}\n`);
  }
}

function linkFlag(path: string): number {
  const link = lstatSync(path, { throwIfNoEntry: false });
  if (!link?.isSymbolicLink()) return O_NOFOLLOW;
  return isPutByUs(link, lstatSync(dirname(path))) ? 0 : O_NOFOLLOW;
}
