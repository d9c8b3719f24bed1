import { randomBytes } from 'node:crypto';
import { lstatSync, renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCodeOf } from '../error-codes.ts';
import { OperatorError } from '../errors.ts';
import { asFileError, codeOf } from '../file-errors.ts';
import { type FileOwner, runAsHint } from '../file-owner.ts';
import { type KernelLock, type TryKernelLock, tryKernelLock } from './kernel-lock.ts';
import { createLockFile, readLockFile } from './lock-files.ts';
import { isRunningHere, type LockHolder, parseHolder, runningKernel } from './lock-holder.ts';
import { LockRecord } from './lock-record.ts';

/** How a command tells that another process is at work on the same thing. */
export interface BusyMessage {
  readonly code: ErrorCodeOf<'failure'>;
  /** Begins a sentence and names the thing; " is in use by process N on HOST." follows. */
  readonly subject: string;
  readonly hint: string;
}

export interface FileLockOptions {
  /** Is told when the lock file may be a dead process' and has to be watched. */
  readonly onWatch?: ((message: string) => void) | undefined;
  /** Replaced in tests: a file system without locks. */
  readonly tryKernelLock?: TryKernelLock | undefined;
  /** Milliseconds of a clock that nobody sets, and waiting by it. Replaced in tests. */
  readonly clock?: LockClock | undefined;
}

interface LockClock {
  readonly now: () => number;
  readonly sleep: (durationMs: number) => Promise<unknown>;
}

export interface FileLock extends AsyncDisposable {
  /**
   * Proves that the lock is still held, before what only the holder may do: on a file system without locks, a process
   * that was stopped for long may have been taken for dead.
   * @throws OperatorError 'lock-lost'
   */
  assertHeld(): void;
}

/** How long a file that does not change is watched before its process counts as dead. */
const WATCH_MS = 15_000;
const LOOK_EVERY_MS = 500;
const MONOTONIC: LockClock = { now: () => performance.now(), sleep: durationMs => sleep(durationMs) };

/**
 * Takes a lock for this process, by two means: a lock of the kernel on `<path>-kernel`, which ends with the process and
 * holds between containers; and, for file systems without such locks, the file `path`, which names the holder and in which
 * it counts on while it lives. Only a file that has not changed for 15 s of this process' own clock is a dead process'.
 * Where the kernel had both processes' locks, a dead one is known at once.
 * @returns disposing of it gives the lock back
 * @throws OperatorError with the code of `busy`, naming the other process; 'not-permitted' for another user's
 */
export async function lockFile(
  path: string,
  busy: BusyMessage,
  options: FileLockOptions = {},
): Promise<FileLock> {
  try {
    const attempt = (options.tryKernelLock ?? tryKernelLock)(`${path}-kernel`);
    if (attempt === 'held') throw inUse(busy, readHolder(path));
    const kernel = attempt === 'unavailable' ? undefined : attempt;
    try {
      return holdLock(await takeRecord(path, busy, kernel, options), { path, busy, kernel });
    } catch (error) {
      kernel?.release();
      throw error;
    }
  } catch (error) {
    throw asLockError(error, path, busy);
  }
}

function holdLock(
  record: LockRecord,
  { path, busy, kernel }: { path: string; busy: BusyMessage; kernel: KernelLock | undefined },
): FileLock {
  return {
    assertHeld() {
      if (kernel !== undefined && record.isFresh) return;
      try {
        if (record.check()) return;
      } catch (error) {
        throw asLockError(error, path, busy);
      }
      throw lost(busy, readHolder(path));
    },
    async [Symbol.asyncDispose]() {
      try {
        record.remove();
      } finally {
        kernel?.release();
      }
    },
  };
}

async function takeRecord(
  path: string,
  busy: BusyMessage,
  kernel: KernelLock | undefined,
  options: FileLockOptions,
): Promise<LockRecord> {
  const { now } = options.clock ?? MONOTONIC;
  for (;;) {
    const record = LockRecord.create(path, kernel?.file, now);
    if (record !== undefined) return record;
    const text = readLockFile(path);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (!isKnownDead(holder, kernel) && (await isAlive(path, text, holder, options))) {
      throw inUse(busy, readHolder(path) ?? holder);
    }
    removeAbandoned(path, text);
  }
}

/** The kernel had that process' lock on the very file that it now has locked for this one. */
function isKnownDead(holder: LockHolder | undefined, kernel: KernelLock | undefined): boolean {
  if (holder?.kernel === undefined || kernel === undefined) return false;
  return holder.kernel === runningKernel() && holder.lockedFile === kernel.file;
}

async function isAlive(
  path: string,
  text: string,
  holder: LockHolder | undefined,
  { clock = MONOTONIC, onWatch }: FileLockOptions,
): Promise<boolean> {
  if (holder?.isCounting === false) return isRunningHere(holder);
  onWatch?.(
    `${path} is there: ${nameOf(holder)} holds it, or has left it behind. Watching it for ${WATCH_MS / 1000} s.`,
  );
  const beganAtMs = clock.now();
  for (;;) {
    await clock.sleep(LOOK_EVERY_MS);
    // First the clock: when this process was stopped meanwhile, the file is looked at after that.
    const isOver = clock.now() - beganAtMs >= WATCH_MS;
    const seen = readLockFile(path);
    if (seen !== text) return seen !== undefined;
    if (isOver) return false;
  }
}

/** Moved away first: another process may have replaced it by its own since it was read, and gets that one back. */
function removeAbandoned(path: string, text: string): void {
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const taken = readLockFile(aside);
  if (taken !== undefined && taken !== text) createLockFile(path, taken);
  unlinkSync(aside);
}

function readHolder(path: string): LockHolder | undefined {
  const text = readLockFile(path);
  return text === undefined ? undefined : parseHolder(text);
}

function nameOf(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'another process';
  return holder.host === undefined ? `process ${holder.pid}` : `process ${holder.pid} on ${holder.host}`;
}

function inUse({ code, subject, hint }: BusyMessage, holder: LockHolder | undefined): OperatorError {
  return new OperatorError(code, `${subject} is in use by ${nameOf(holder)}.`, { hint });
}

function lost({ subject }: BusyMessage, holder: LockHolder | undefined): OperatorError {
  return new OperatorError(
    'lock-lost',
    `${subject} was taken over by ${nameOf(holder)} while this process stood still; this process changes nothing more there.`,
    { hint: 'Run one of the two only. If both were to run, see what the other one has done.' },
  );
}

function asLockError(error: unknown, path: string, { subject }: BusyMessage): unknown {
  const isRefused = ['EACCES', 'EPERM'].includes(codeOf(error));
  const owner = isRefused ? otherOwnerOf(path) : undefined;
  if (owner !== undefined) return notPermitted(subject, owner, error);
  return error instanceof Error && 'syscall' in error ? asFileError(error, path, 'write') : error;
}

/** The sentence for another user. */
export function notPermitted(subject: string, owner: FileOwner, cause?: unknown): OperatorError {
  const user = process.geteuid?.();
  return new OperatorError(
    'not-permitted',
    `${subject} belongs to user ${owner.uid}; this process runs as user ${user} and may not use it.`,
    { hint: runAsHint(owner), cause },
  );
}

/** The other user whose file stands in the way, or whose directory it is. */
function otherOwnerOf(path: string): FileOwner | undefined {
  const user = process.geteuid?.();
  for (const one of [path, `${path}-kernel`, dirname(path)]) {
    const stats = lstatSync(one, { throwIfNoEntry: false });
    if (stats !== undefined && stats.uid !== user) return stats;
  }
  return undefined;
}
