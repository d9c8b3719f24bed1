import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../../src/lib/errors.ts';
import { type Clock, runTask, type Task } from '../../../../src/operator/loop/run-task.ts';
import { createOperatorStatus } from '../../../../src/operator/probes/status.ts';
import { recordingLog } from '../../../support/recording-log.ts';

/** Time that passes only where somebody waits. */
function createClock(): Clock & { at: number; pass(ms: number): void; readonly pauses: number[] } {
  const clock = {
    at: 0,
    pauses: [] as number[],
    now: () => clock.at,
    pass(ms: number) {
      clock.at += ms;
    },
    async sleep(durationMs: number) {
      clock.pauses.push(durationMs);
      clock.at += durationMs;
    },
  };
  return clock;
}

/** Runs a task for so many passes; each is told its number. */
async function runPasses(
  passes: number,
  pass: (number: number, clock: ReturnType<typeof createClock>) => Promise<string | undefined> | undefined,
  countFrom?: number,
) {
  const clock = createClock();
  const { log, lines, texts } = recordingLog();
  const status = createOperatorStatus(text => text.replaceAll('s3cret', '***'));
  const stop = new AbortController();
  const began: number[] = [];
  const task: Task = {
    name: 'test',
    intervalMs: 1000,
    async run() {
      began.push(clock.at);
      if (began.length === passes) stop.abort();
      return pass(began.length, clock);
    },
  };
  await runTask({ log, clock, observer: status, countFrom }, task, stop.signal);
  return { began, lines, texts, clock, report: () => status.report().tasks[0] };
}

describe('runTask', () => {
  it('runTask begins at once, then at the moments that were asked for', async () => {
    const { began } = await runPasses(4, () => undefined, -300);
    expect(began).toEqual([0, 700, 1700, 2700]);
  });

  it('runTask begins a pass at once, then at every interval, from beginning to beginning', async () => {
    const { began } = await runPasses(4, (_, clock) => void clock.pass(300));
    expect(began).toEqual([0, 1000, 2000, 3000]);
  });

  it('runTask leaves out the beginnings that a slow pass missed, and never overlaps', async () => {
    const { began } = await runPasses(3, (number, clock) => void clock.pass(number === 1 ? 2500 : 100));
    expect(began).toEqual([0, 3000, 4000]);
  });

  it('runTask doubles its pauses while passes fail, up to five intervals, and is itself again after a success', async () => {
    const { began } = await runPasses(12, async number => {
      if (number <= 10) throw new Error('no');
      return undefined;
    });
    const pauses = began.slice(1).map((at, i) => at - (began[i] ?? 0));
    expect(pauses).toEqual([1000, 2000, 4000, ...Array(7).fill(5000), 1000]);
  });

  it('runTask goes on after any failure, also one of nothing and a thrown text', async () => {
    const { began, report } = await runPasses(3, number => {
      if (number === 1) return Promise.reject(undefined);
      if (number === 2) return Promise.reject('text');
      return undefined;
    });
    expect(began).toHaveLength(3);
    expect(report()?.lastSuccess).not.toBeNull();
  });

  it('runTask tells the same failure the 1st, 2nd, 4th and 8th time, with its hint, and that it is over', async () => {
    const { lines, texts } = await runPasses(11, number => {
      if (number <= 9) throw new UsageError('invalid-url', 'It is broken.', { hint: 'Mend it.' });
      return undefined;
    });
    const told = lines.filter(line => line.level === 'error');
    expect(told.map(line => line.fields.failures)).toEqual([undefined, 2, 4, 8]);
    expect(told[0]).toMatchObject({
      text: 'It is broken.',
      fields: { code: 'invalid-url', hint: 'Mend it.' },
    });
    expect(texts('info')).toEqual(['works again']);
  });

  it('runTask does not count a pass as failed that an abort interrupts', async () => {
    const { lines, report } = await runPasses(1, () => Promise.reject(new Error('aborted')));
    expect(lines).toEqual([]);
    expect(report()).toMatchObject({ lastError: null, failures: 0 });
  });

  it('runTask waits for the pass under way when it is stopped', async () => {
    const stop = new AbortController();
    let ended = false;
    const status = createOperatorStatus(text => text);
    const running = runTask(
      { log: recordingLog().log, observer: status },
      {
        name: 'slow',
        intervalMs: 1000,
        async run() {
          await new Promise(resolve => setTimeout(resolve, 30));
          ended = true;
          return undefined;
        },
      },
      stop.signal,
    );
    stop.abort();
    await running;
    expect(ended).toBe(true);
  });

  it('runTask reports what a pass waits for without secrets, and no error after a pass that was aborted', async () => {
    const failed = await runPasses(2, number => {
      if (number === 1) throw new Error('bad s3cret');
      return Promise.reject(new Error('the last one is the abort'));
    });
    expect(failed.report()?.lastError).toBeNull();
    const waiting = await runPasses(1, async () => 's3cret assets');
    expect(waiting.report()).toMatchObject({ waitsFor: '*** assets', running: false });
  });
});

describe('the status of the process', () => {
  it('the operator’s status is ready while it runs or stands by, and not when a task fails again and again', () => {
    const status = createOperatorStatus(text => text);
    status.expect('a');
    expect(status.report()).toMatchObject({ ready: false, phase: 'starting' });
    status.enter('running');
    expect(status.report()).toMatchObject({ ready: true, tasks: [{ name: 'a', lastSuccess: null }] });
    for (let i = 0; i < 3; i++) status.passEnded('a', { durationMs: 1, error: new Error('no') });
    expect(status.report()).toMatchObject({ ready: false, tasks: [{ failures: 3 }] });
    status.passEnded('a', { durationMs: 1 });
    status.enter('standby', 'the lease');
    expect(status.report()).toMatchObject({ ready: true, phase: 'standby', waitsFor: 'the lease' });
    status.enter('stopping');
    expect(status.report().ready).toBe(false);
  });
});
