import { appendFile } from 'node:fs/promises';
import { messageOf } from './errors.ts';

/** What Kubernetes keeps of it. */
const MAX_LENGTH = 4096;

/**
 * Writes why the process ends where its supervisor looks for it (Kubernetes: `terminationMessagePath`). Never fails: the
 * reason itself is what counts. Appended, since the file may belong to somebody else and be a device.
 */
export async function writeTerminationLog(path: string, message: string): Promise<void> {
  await appendFile(path, `${message.slice(0, MAX_LENGTH - 1)}\n`).catch((error: unknown) => {
    process.stderr.write(`Warning: cannot write ${path}: ${messageOf(error)}\n`);
  });
}
