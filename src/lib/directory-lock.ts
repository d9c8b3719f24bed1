import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { OperatorError } from './errors.ts';
import { asFileError } from './files.ts';

/** How a command tells that another process is at work in its directory. */
export interface BusyMessage {
  readonly code: string;
  /** Names the directory; " is in use by process N" follows. */
  readonly subject: string;
  readonly hint: string;
}

/**
 * Takes the file `<directory>.lock` for this process. A lock whose process is gone is taken over.
 * @returns disposing of it gives the lock back
 * @throws OperatorError with the code of `busy`, naming the other process
 */
export async function lockDirectory(directory: string, busy: BusyMessage): Promise<AsyncDisposable> {
  const path = `${directory}.lock`;
  const mine = `${identityOf(process.pid)} ${randomBytes(8).toString('hex')}\n`;
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, mine, { flag: 'wx', mode: 0o600 }).catch((error: unknown) => {
    throw asFileError(error, path, 'write');
  });
  try {
    while (!(await linkExclusive(temporary, path))) await removeStaleLock(path, busy);
  } finally {
    await unlink(temporary);
  }
  return {
    async [Symbol.asyncDispose]() {
      if ((await readLock(path)) === mine) await unlink(path);
    },
  };
}

async function linkExclusive(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function removeStaleLock(path: string, busy: BusyMessage): Promise<void> {
  const held = await readLock(path);
  if (held === undefined) return;
  const [pid = '', startedAt = ''] = held.split(' ');
  if (isSameProcess(Number(pid), `${pid} ${startedAt}`)) {
    throw new OperatorError(busy.code, `${busy.subject} is in use by process ${pid}`, { hint: busy.hint });
  }
  // Renamed first: another process may have replaced the stale lock by its own since it was read.
  const aside = `${path}.stale.${randomBytes(4).toString('hex')}`;
  await rename(path, aside).catch(ignoreMissing);
  const taken = await readLock(aside);
  if (taken !== undefined && taken !== held) await linkExclusive(aside, path);
  await unlink(aside).catch(ignoreMissing);
}

async function readLock(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}

function isSameProcess(pid: number, identity: string): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return identityOf(pid) === identity;
}

// Pids are given anew, in a container soon; with its start time (clock ticks since boot) a process is named for good.
function identityOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return `${pid} -`;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
