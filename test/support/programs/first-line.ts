import type { Readable } from 'node:stream';
import { waitUntil } from '../wait-until.ts';

/**
 * The first line that a child process writes to stdout, its newline included.
 * @throws with all that it has written there, when its output ends before or there is no line for long
 */
export async function firstLineOf(child: { readonly stdout: Readable | null }): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new Error('the child process has no pipe at its stdout');
  let written = '';
  stdout.on('data', (chunk: Buffer) => {
    written += chunk.toString();
  });
  const look = () => {
    const end = written.indexOf('\n');
    if (end >= 0) return written.slice(0, end + 1);
    if (stdout.closed) throw new Error(`the child process ended before its first line; it wrote: ${written}`);
    return undefined;
  };
  return await waitUntil('the first line of a child process', look, { everyMs: 5, lastSeen: () => written });
}
