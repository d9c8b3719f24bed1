import { describe, expect, it } from 'vitest';
import { ExternalError } from '../../../../src/lib/errors.ts';
import { runOnce } from '../../../../src/operator/loop/run-once.ts';
import type { Task } from '../../../../src/operator/loop/run-task.ts';
import type { StartOperatorDeps } from '../../../../src/operator/loop/start-operator.ts';
import { createOperatorStatus } from '../../../../src/operator/probes/status.ts';
import { testMetrics } from '../../../support/operator-metrics.ts';
import { recordingLog } from '../../../support/recording-log.ts';

/** What a run of these tasks does, step by step. */
function world(watching: readonly Task[], acting: readonly Task[]) {
  const steps: string[] = [];
  const recording = recordingLog();
  const log = Object.assign(recording.log, { child: () => recording.log });
  const told = (task: Task): Task => ({
    ...task,
    run: signal => {
      steps.push(task.name);
      return task.run(signal);
    },
  });
  const deps: StartOperatorDeps = {
    log,
    status: createOperatorStatus(text => text),
    metrics: testMetrics(),
    holdLease: async () => ({
      epoch: 1n,
      signal: new AbortController().signal,
      isFresh: () => true,
      [Symbol.asyncDispose]: async () => void steps.push('lease given back'),
    }),
    watching: watching.map(told),
    act: () => ({
      reconcile: async () => void steps.push('reconcile'),
      tasks: acting.map(told),
    }),
  };
  return { deps, steps };
}

function task(name: string, run: Task['run'] = async () => undefined): Task {
  return { name, intervalMs: 1_000, run };
}

const never = new AbortController().signal;

describe('runOnce', () => {
  it('runOnce makes one pass of each task, in order, with what became of earlier transactions between', async () => {
    const { deps, steps } = world([task('watch')], [task('register', async () => 'assets'), task('rotate')]);
    expect(await runOnce(deps, never)).toEqual([
      { task: 'watch', waitsFor: undefined },
      { task: 'register', waitsFor: 'assets' },
      { task: 'rotate', waitsFor: undefined },
    ]);
    expect(steps).toEqual(['watch', 'reconcile', 'register', 'rotate', 'lease given back']);
  });

  it('runOnce goes on past a pass that fails, and names it at the end', async () => {
    const fail = async () => {
      throw new ExternalError('timeout', 'Nobody answers.');
    };
    const { deps, steps } = world([task('watch', fail)], [task('register'), task('rotate', fail)]);
    await expect(runOnce(deps, never)).rejects.toMatchObject({
      code: 'passes-failed',
      exitCode: 1,
      message: '2 of 3 tasks failed: watch (Nobody answers); rotate (Nobody answers).',
    });
    expect(steps).toEqual(['watch', 'reconcile', 'register', 'rotate', 'lease given back']);
  });

  it('runOnce does not act while another process does', async () => {
    const { deps, steps } = world([task('watch')], [task('register')]);
    const holdLease = (signal: AbortSignal) =>
      new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      );
    await expect(runOnce({ ...deps, holdLease }, never, { leaseWaitMs: 10 })).rejects.toMatchObject({
      code: 'another-operator',
    });
    expect(steps).toEqual(['watch']);
  });

  it('runOnce ends with the reason of a signal that comes in the middle of a pass', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const { deps, steps } = world(
      [],
      [task('register', async () => void stop.abort(reason) as undefined), task('rotate')],
    );
    await expect(runOnce(deps, stop.signal)).rejects.toBe(reason);
    expect(steps).toEqual(['reconcile', 'register', 'lease given back']);
  });
});
