import { appendFileSync } from 'node:fs';
import { messageOf } from './errors.ts';
import { oneLine, printable } from './foreign-text.ts';

/** What Kubernetes keeps of it. */
const MAX_LENGTH = 4096;

/**
 * Writes why the process ends where its supervisor looks for it (Kubernetes: `terminationMessagePath`). Never fails: the
 * reason itself is what counts. Appended, since the file may be a device; at once, since the process may be ending.
 */
export function writeTerminationLog(path: string, message: string): void {
  try {
    appendFileSync(path, `${printable(message).slice(0, MAX_LENGTH - 1)}\n`);
  } catch (error) {
    process.stderr.write(`Warning: cannot write ${oneLine(path)}: ${messageOf(error)}\n`);
  }
}
