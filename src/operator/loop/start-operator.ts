import { OperatorError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Lease } from '../../transactions/lease.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';
import type { OperatorStatus } from '../probes/status.ts';
import { runTask, type Task, type TaskObserver } from './run-task.ts';
import { waitOut } from './wait-out.ts';

export interface StartOperatorDeps {
  readonly log: Logger;
  readonly status: OperatorStatus;
  readonly metrics: TaskObserver &
    Pick<OperatorMetrics, 'leader' | 'leaseEnded' | 'expectTask' | 'taskEnded'>;
  /** Waits until this process is the one that acts for the vault. */
  readonly holdLease: (signal: AbortSignal) => Promise<Lease>;
  /** The moment, of the process's clock, from which the intervals of all tasks are counted. */
  readonly countFrom?: (() => number) | undefined;
  /** What is done all the time; nothing of it is sent anywhere. */
  readonly watching: readonly Task[];
  /** What the holder of a lease does. */
  readonly act: (lease: Lease) => ActingOperator;
}

interface ActingOperator {
  /** Finds out what became of the transactions of an earlier holder, before anything is sent. */
  reconcile(signal: AbortSignal): Promise<void>;
  readonly tasks: readonly Task[];
}

/**
 * Runs the tasks until the signal is aborted: those that watch always, those that act as long as this process holds the
 * lease. When the lease is lost they end at their next step, and this process stands by for the next one.
 */
export async function startOperator(deps: StartOperatorDeps, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const watch = AbortSignal.any([signal, ended.signal]);
  const watching = runTasks(deps, deps.watching, watch);
  try {
    while (!signal.aborted) await actOnce(deps, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    ended.abort();
    await watching;
  }
}

/** Stands by, acts, and returns when the lease has been lost. */
async function actOnce(deps: StartOperatorDeps, signal: AbortSignal): Promise<void> {
  const { log, status, metrics } = deps;
  const standBy = 'another process acts for the vault';
  status.enter('standby', standBy);
  const lease = await waitOut(log, { signal, onWait: what => status.enter('standby', what ?? standBy) }, () =>
    deps.holdLease(signal),
  );
  await using held = lease;
  const acting = AbortSignal.any([signal, held.signal]);
  try {
    metrics.leader.set(1);
    const operator = deps.act(held);
    const onWait = (what: string | undefined) => status.enter('starting', what);
    onWait('what became of earlier transactions');
    await waitOut(log, { signal: acting, onWait }, () => operator.reconcile(acting));
    status.enter('running');
    log.info('Started operator service');
    await runTasks(deps, operator.tasks, acting);
  } catch (error) {
    const isLost = held.signal.aborted || (error instanceof OperatorError && error.code === 'lease-lost');
    if (!isLost && !signal.aborted) throw error;
  } finally {
    metrics.leaseEnded();
  }
}

async function runTasks(deps: StartOperatorDeps, tasks: readonly Task[], signal: AbortSignal): Promise<void> {
  const { log, status, metrics, countFrom } = deps;
  for (const { name } of tasks) {
    status.expect(name);
    metrics.expectTask(name);
  }
  const shared = { observer: observerOf(deps), countFrom: countFrom?.() };
  await Promise.all(
    tasks.map(task => runTask({ log: log.child({ task: task.name }), ...shared }, task, signal)),
  );
  for (const { name } of tasks) metrics.taskEnded(name);
}

/** Shows each pass in the probes and in the figures. */
export function observerOf({ status, metrics }: Pick<StartOperatorDeps, 'status' | 'metrics'>): TaskObserver {
  return {
    passBegan: task => status.passBegan(task),
    passEnded: (task, pass) => {
      status.passEnded(task, pass);
      metrics.passEnded(task, pass);
    },
  };
}
