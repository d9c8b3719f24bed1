import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ExternalError, OperatorError } from '../../../src/lib/errors.ts';
import { ThreadPool } from '../../../src/workers/thread-pool.ts';
import type { OddJobs } from './odd-jobs.ts';

const FILE = join(import.meta.dirname, 'odd-jobs-worker.ts');

function openPool(size: number, jobsPerThread?: number): ThreadPool<OddJobs> {
  return new ThreadPool<OddJobs>({ file: FILE, size, jobsPerThread });
}

/** A gate that a `hold` job waits at, and what opens it. */
function createGate() {
  const gate = new SharedArrayBuffer(4);
  const open = () => {
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
  };
  return { gate, open };
}

const note = (pool: ThreadPool<OddJobs>, label: string, delayMs = 0) => pool.run('note', { label, delayMs });

describe('a pool of threads', () => {
  it('ThreadPool does the jobs of one thread one after another, in the order in which they came', async () => {
    await using pool = openPool(1);
    const notes = await Promise.all(['a', 'b', 'c', 'd'].map((label, i) => note(pool, label, 20 - 5 * i)));
    expect(notes.map(({ label, place }) => `${label}${place}`)).toEqual(['a1', 'b2', 'c3', 'd4']);
    expect(notes.map(({ underWay }) => underWay)).toEqual([1, 1, 1, 1]);
  });

  it('ThreadPool starts threads when there is work for them, and no more than its size', async () => {
    await using pool = openPool(2);
    const first = await note(pool, 'first');
    const again = await note(pool, 'again');
    expect(again.thread).toBe(first.thread);
    const many = await Promise.all(Array.from({ length: 6 }, (_, i) => note(pool, String(i), 30)));
    expect(new Set(many.map(({ thread }) => thread)).size).toBe(2);
  });

  it('ThreadPool gives a thread as many jobs at a time as it is told, and fills idle threads first', async () => {
    await using pool = openPool(2, 3);
    pool.startThreads();
    const notes = await Promise.all(Array.from({ length: 6 }, (_, i) => note(pool, String(i), 500)));
    const threads = Map.groupBy(notes, ({ thread }) => thread);
    expect(Array.from(threads.values(), list => list.map(({ label }) => label))).toEqual([
      ['0', '2', '4'],
      ['1', '3', '5'],
    ]);
    expect(notes.map(({ underWay }) => underWay)).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('ThreadPool keeps apart the answers of jobs that a thread ends in another order', async () => {
    await using pool = openPool(1, 2);
    const ended: string[] = [];
    const run = async (label: string, delayMs: number) =>
      ended.push((await note(pool, label, delayMs)).label);
    await Promise.all([run('slow', 300), run('fast', 0)]);
    expect(ended).toEqual(['fast', 'slow']);
  });

  it('ThreadPool copies byte arrays, leaves the caller its own, and shares shared memory', async () => {
    await using pool = openPool(1);
    const neighbours = new Uint8Array(1024).fill(1);
    const bytes = neighbours.subarray(512, 544);
    const { bufferLength } = await pool.run('describe', { bytes });
    expect(bufferLength).toBe(32);
    const doubled = await pool.run('double', { bytes });
    expect(doubled.bytes).toEqual(new Uint8Array(32).fill(2));
    expect(neighbours).toEqual(new Uint8Array(1024).fill(1));
    const shared = new SharedArrayBuffer(4);
    await pool.run('addShared', { shared, amount: 5 });
    expect(new Int32Array(shared)[0]).toBe(5);
  });

  it('ThreadPool gives its threads nothing of the environment', async () => {
    await using pool = openPool(1);
    process.env.ODD_SECRET = 'odd';
    const { env } = await pool.run('describe', { bytes: new Uint8Array(1) });
    delete process.env.ODD_SECRET;
    expect(env).toEqual([]);
  });

  it('ThreadPool rejects a job by the error that was thrown in the thread, which lives on', async () => {
    await using pool = openPool(1);
    const { thread } = await note(pool, 'before');
    const expected = await pool.run('fail', { kind: 'operator' }).catch((error: unknown) => error);
    expect(expected).toBeInstanceOf(OperatorError);
    expect(expected).toMatchObject({ code: 'invalid-key', message: 'An odd message.', hint: 'An odd hint.' });
    const outside = await pool.run('fail', { kind: 'external' }).catch((error: unknown) => error);
    expect(outside).toBeInstanceOf(ExternalError);
    expect(outside).toMatchObject({ code: 'timeout', message: 'An odd wait.', retryable: true });
    const bug = await pool.run('fail', { kind: 'bug' }).catch((error: unknown) => error);
    expect(bug).not.toBeInstanceOf(OperatorError);
    expect(bug).toMatchObject({
      message: 'an odd bug',
      stack: expect.stringContaining('odd-jobs-worker.ts'),
    });
    await expect(pool.run('fail', { kind: 'text' })).rejects.toThrow('an odd text');
    expect((await note(pool, 'after')).thread).toBe(thread);
  });

  it('ThreadPool rejects a job whose input cannot be sent, and goes on', async () => {
    await using pool = openPool(1);
    const input = { label: (() => undefined) as unknown as string, delayMs: 0 };
    await expect(pool.run('note', input)).rejects.toThrow('could not be cloned');
    expect(await note(pool, 'after')).toMatchObject({ label: 'after' });
  });

  it.each([
    { name: 'exit', how: 'ends' },
    { name: 'crash', how: 'dies of an error past the job' },
    { name: 'answerFunction', how: 'cannot send its answer' },
  ] as const)(
    'ThreadPool rejects all jobs of a thread by our error when it $how, and replaces it',
    async ({ name }) => {
      await using pool = openPool(1, 2);
      const { thread } = await note(pool, 'before');
      const dying = pool.run(name, null);
      const beside = note(pool, 'beside', 60_000);
      const waiting = note(pool, 'waiting');
      const outcomes = await Promise.allSettled([dying, beside]);
      for (const [i, job] of [name, 'note'].entries()) {
        expect(outcomes[i]).toMatchObject({
          status: 'rejected',
          reason: {
            code: 'worker-crashed',
            message: `The thread that did the job "${job}" ended unexpectedly.`,
            hint: 'The machine may be out of memory; nothing of this batch was kept.',
          },
        });
      }
      // What no thread had yet is done by the next one.
      const done = await waiting;
      expect(done).toMatchObject({ label: 'waiting', place: 1 });
      expect(done.thread).not.toBe(thread);
    },
  );

  it('ThreadPool rejects every job when its threads cannot start, instead of trying for ever', async () => {
    await using pool = new ThreadPool<OddJobs>({
      file: join(import.meta.dirname, 'no-such-worker.ts'),
      size: 1,
    });
    const jobs = await Promise.allSettled([note(pool, 'a'), note(pool, 'b')]);
    expect(jobs.map(job => job.status === 'rejected' && job.reason.code)).toEqual([
      'worker-crashed',
      'worker-crashed',
    ]);
  });

  it('ThreadPool rejects what is under way and what waits when it is disposed of while busy', async () => {
    const pool = openPool(1);
    const { gate } = createGate();
    const jobs = [pool.run('hold', { gate }), note(pool, 'waiting')];
    const outcomes = Promise.allSettled(jobs);
    await pool[Symbol.asyncDispose]();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'worker-pool-closed' } });
    await expect(note(pool, 'late')).rejects.toMatchObject({ code: 'worker-pool-closed' });
  });

  it('ThreadPool does not begin a job that was given up, and does the ones behind it', async () => {
    await using pool = openPool(1);
    const { gate, open } = createGate();
    const held = pool.run('hold', { gate });
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const given = pool.run('note', { label: 'given up', delayMs: 0 }, { signal: controller.signal });
    const behind = note(pool, 'behind');
    controller.abort(reason);
    await expect(given).rejects.toBe(reason);
    open();
    expect(await held).toHaveLength(32);
    expect(await behind).toMatchObject({ label: 'behind', place: 1 });
    await expect(pool.run('exit', null, { signal: controller.signal })).rejects.toBe(reason);
  });

  it('ThreadPool rejects a job that is given up under way at once, and keeps its thread', async () => {
    await using pool = openPool(1);
    const { thread } = await note(pool, 'before');
    const { gate, open } = createGate();
    const controller = new AbortController();
    const held = pool.run('hold', { gate }, { signal: controller.signal });
    controller.abort(new Error('no longer wanted'));
    await expect(held).rejects.toThrow('no longer wanted');
    open();
    expect((await note(pool, 'after')).thread).toBe(thread);
  });

  it('ThreadPool lets the process end while its threads are idle, and not before its jobs are done', async () => {
    const file = join(import.meta.dirname, 'idle-threads.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 });
    expect(stdout).toBe('done\n');
  });
});
