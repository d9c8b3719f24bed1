import { messageOf, OperatorError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { describeFailure, runPass, SYSTEM_CLOCK, type Task, type TaskObserver } from './run-task.ts';
import { observerOf, type StartOperatorDeps } from './start-operator.ts';

/** What came of the only pass of a task. */
export interface SinglePass {
  readonly task: string;
  /** What the task would go on waiting for; undefined when it has done what it had to do. */
  readonly waitsFor?: string | undefined;
}

/** A process that was killed keeps the lease for ten seconds; one that works keeps it for good. */
const LEASE_WAIT_MS = 15_000;

/**
 * Makes one pass of every task, one after another: first those that watch, so that what they read is there, then, under the lease, those
 * that act. A transaction that a pass sends is followed to its end, as in the loop. A pass that fails does not keep the
 * others from theirs.
 * @throws OperatorError 'passes-failed' naming each task that failed; 'another-operator' when another process acts for the vault;
 *   the signal's reason
 * @param options.leaseWaitMs - how long another process is waited for; long enough for one that was killed
 */
export async function runOnce(
  deps: StartOperatorDeps,
  signal: AbortSignal,
  { leaseWaitMs = LEASE_WAIT_MS }: { readonly leaseWaitMs?: number } = {},
): Promise<readonly SinglePass[]> {
  const { status } = deps;
  const passes = new Passes(deps);
  status.enter('running');
  await passes.run(deps.watching, signal);
  await using lease = await takeLease(deps, signal, leaseWaitMs);
  const acting = AbortSignal.any([signal, lease.signal]);
  const operator = deps.act(lease);
  await operator.reconcile(acting);
  await passes.run(operator.tasks, acting);
  return passes.end();
}

async function takeLease({ holdLease }: StartOperatorDeps, signal: AbortSignal, waitMs: number) {
  const patience = AbortSignal.timeout(waitMs);
  try {
    return await holdLease(AbortSignal.any([signal, patience]));
  } catch (error) {
    if (signal.aborted || !patience.aborted) throw error;
    throw new OperatorError(
      'another-operator',
      'Another process acts for the vault: nothing was done for it.',
      {
        hint: 'It does what "start --once" would do. Stop it first if this one is to act.',
      },
    );
  }
}

/** The passes that were made. */
class Passes {
  readonly #deps: StartOperatorDeps;
  readonly #made: SinglePass[] = [];
  readonly #failed: string[] = [];

  constructor(deps: StartOperatorDeps) {
    this.#deps = deps;
  }

  /** @throws the signal's reason when it is aborted before the last of them has ended */
  async run(tasks: readonly Task[], signal: AbortSignal): Promise<void> {
    const { log, status } = this.#deps;
    const shown = observerOf(this.#deps);
    for (const { name } of tasks) status.expect(name);
    for (const task of tasks) {
      signal.throwIfAborted();
      const taskLog = log.child({ task: task.name });
      let waitsFor: string | undefined;
      const observer: TaskObserver = {
        ...shown,
        passEnded(name, pass) {
          waitsFor = pass.waitsFor;
          shown.passEnded(name, pass);
        },
      };
      const error = await runPass({ observer }, SYSTEM_CLOCK, task, signal);
      signal.throwIfAborted();
      this.#note(taskLog, task.name, { error, waitsFor });
    }
  }

  #note(
    log: Pick<Logger, 'info' | 'error'>,
    task: string,
    { error, waitsFor }: { readonly error: unknown; readonly waitsFor: string | undefined },
  ): void {
    if (error !== undefined) {
      this.#failed.push(`${task} (${messageOf(error).replace(/\.$/, '')})`);
      log.error(describeFailure(error), messageOf(error));
      return;
    }
    this.#made.push({ task, waitsFor });
    log.info(waitsFor === undefined ? 'Done' : `Nothing more to do, waits for ${waitsFor}`);
  }

  /** @throws OperatorError 'passes-failed' */
  end(): readonly SinglePass[] {
    const failed = this.#failed.length;
    if (failed === 0) return this.#made;
    throw new OperatorError(
      'passes-failed',
      `${failed} of ${failed + this.#made.length} tasks failed: ${this.#failed.join('; ')}.`,
      { hint: 'Each is tried again by the next "start" or "start --once".' },
    );
  }
}
