import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, OperatorError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';

/** Something that is done again and again for as long as the process lives. */
export interface Task {
  /** What logs, metrics and `/readyz` call the task. */
  readonly name: string;
  /** Time from the beginning of one pass to that of the next. */
  readonly intervalMs: number;
  /**
   * One pass. Aborted, it ends at its next step.
   * @returns what it waits for, for `/readyz`; nothing when it has nothing to wait for
   */
  run(signal: AbortSignal): Promise<string | undefined>;
}

/** An observer that is told of every pass of a task. */
export interface TaskObserver {
  passBegan(task: string): void;
  passEnded(task: string, pass: PassOutcome): void;
}

export interface PassOutcome {
  readonly durationMs: number;
  /** Why the pass failed; undefined when it did what it had to do. */
  readonly error?: unknown;
  readonly waitsFor?: string | undefined;
}

/** Time as a task sees it. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Ends early, without an error, when the signal is aborted. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}

export interface RunTaskDeps {
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  readonly observer: TaskObserver;
  /** Default: the process's. */
  readonly clock?: Clock | undefined;
  /** A moment of the clock from which intervals are counted. Default: the beginning of the first pass. */
  readonly countFrom?: number | undefined;
}

/** The longest pause after failures, in intervals of the task: a fast chain is not waited for as long as a slow one. */
const MAX_BACKOFF_INTERVALS = 5;
const MAX_BACKOFF_MS = 60_000;

/** The process's own. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (durationMs, signal) => sleep(durationMs, undefined, { signal }).catch(() => undefined),
};

/**
 * The only loop of the program. A pass begins at once, then at every multiple of the interval; passes never overlap, a
 * beginning that was missed is left out, failures make pauses that double, and no failure ends the loop: the signal does.
 * @returns when the signal is aborted and the pass under way has ended; never rejects
 */
export async function runTask(deps: RunTaskDeps, task: Task, signal: AbortSignal): Promise<void> {
  const { log, clock = SYSTEM_CLOCK } = deps;
  const failures = createFailureLog(log);
  const startedAt = deps.countFrom ?? clock.now();
  let failed = 0;
  while (!signal.aborted) {
    const error = await runPass(deps, clock, task, signal);
    failed = error === undefined ? 0 : failed + 1;
    if (signal.aborted) break;
    if (error === undefined) failures.clear();
    else failures.tell(error, failed);
    const pauseMs = nextBeginning(clock.now() - startedAt, task.intervalMs, failed);
    await clock.sleep(pauseMs, signal);
  }
}

/** Makes one pass. @returns why it failed; undefined when it did not */
export async function runPass(
  { observer }: Pick<RunTaskDeps, 'observer'>,
  clock: Clock,
  task: Task,
  signal: AbortSignal,
): Promise<unknown> {
  const beganAt = clock.now();
  observer.passBegan(task.name);
  try {
    const waitsFor = await task.run(signal);
    observer.passEnded(task.name, { durationMs: clock.now() - beganAt, waitsFor });
    return undefined;
  } catch (thrown) {
    const error = thrown ?? new Error('unknown failure');
    // What an abort interrupts has not failed.
    observer.passEnded(task.name, {
      durationMs: clock.now() - beganAt,
      error: signal.aborted ? undefined : error,
    });
    return error;
  }
}

/** Milliseconds to the next multiple of the interval that is not too early after the failures. */
function nextBeginning(elapsedMs: number, intervalMs: number, failed: number): number {
  const backoffMs =
    failed === 0
      ? 0
      : Math.min(MAX_BACKOFF_MS, intervalMs * Math.min(2 ** (failed - 1), MAX_BACKOFF_INTERVALS));
  const earliestMs = elapsedMs + Math.max(backoffMs - intervalMs, 0);
  return (Math.floor(earliestMs / intervalMs) + 1) * intervalMs - elapsedMs;
}

/** What a log says of a failure beside its message: what a user can act on, or the stack of a bug. */
export function describeFailure(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof OperatorError)) return { err: error };
  return { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) };
}

/** The same failure pass after pass is told the first, second, fourth, eighth … time. */
function createFailureLog(log: RunTaskDeps['log']) {
  let last: string | undefined;
  let repeated = 0;
  return {
    tell(error: unknown, failed: number): void {
      const message = messageOf(error);
      repeated = message === last ? repeated + 1 : 1;
      last = message;
      const fields = { ...describeFailure(error), ...(failed > 1 && { failures: failed }) };
      if (Number.isInteger(Math.log2(repeated))) log.error(fields, message);
      else log.debug(fields, message);
    },
    clear(): void {
      if (last !== undefined) log.info('works again');
      last = undefined;
      repeated = 0;
    },
  };
}
