import { expect, expectTypeOf, it } from 'vitest';
import type { Input, JobName, Jobs, Output } from '../../../src/workers/jobs.ts';
import type { JobHandlers } from '../../../src/workers/thread-messages.ts';
import { ThreadPool } from '../../../src/workers/thread-pool.ts';

// What is checked here is checked by `npm run types`; of a run it is only asked that nothing starts.
const FILE = '/nowhere/worker.ts';
const seed = new Uint8Array(64);

/** A pool that is closed already: it refuses every job before a thread is started. */
async function closedPool(): Promise<ThreadPool<Jobs>> {
  const pool = new ThreadPool<Jobs>({ file: FILE, size: 1 });
  await pool[Symbol.asyncDispose]();
  return pool;
}

it('the table of jobs names every job of the worker threads, and what goes in and comes out', () => {
  expectTypeOf<JobName>().toEqualTypeOf<
    | 'derive'
    | 'decryptKeystore'
    | 'encryptKeystore'
    | 'seal'
    | 'open'
    | 'publicKeys'
    | 'sealKeystores'
    | 'shareAnew'
    | 'checkDeposits'
    | 'checkV3Keys'
    | 'sealV3Keys'
  >();
  expectTypeOf<Input<'derive'>>().toEqualTypeOf<{
    readonly seed: Uint8Array;
    readonly firstIndex: number;
    readonly count: number;
  }>();
  expectTypeOf<Output<'derive'>>().toEqualTypeOf<{
    readonly secretKeys: Uint8Array;
    readonly publicKeys: Uint8Array;
  }>();
  expectTypeOf<Output<'decryptKeystore'>>().toEqualTypeOf<Uint8Array>();
  expectTypeOf<Output<'encryptKeystore'>>().toEqualTypeOf<string>();
});

it('the table of jobs asks a worker for a handler of every job that takes and gives what the table says', () => {
  type Handlers = JobHandlers<Jobs>;
  expectTypeOf<keyof Handlers>().toEqualTypeOf<JobName>();
  expectTypeOf<Handlers['publicKeys']>().parameters.toEqualTypeOf<[Input<'publicKeys'>]>();
  expectTypeOf<Handlers['publicKeys']>().returns.toEqualTypeOf<Uint8Array | Promise<Uint8Array>>();
  // @ts-expect-error: a worker that cannot do ten of the jobs
  const lacking: Handlers = { publicKeys: ({ secretKeys }) => secretKeys };
  // @ts-expect-error: a handler that gives something else than the table says
  const wrong: Pick<Handlers, 'encryptKeystore'> = { encryptKeystore: ({ secretKey }) => secretKey };
  expect(Object.keys({ ...lacking, ...wrong })).toEqual(['publicKeys', 'encryptKeystore']);
});

it('a pool of threads gives what the job of that name gives', async () => {
  const pool = await closedPool();
  const derived = pool.run('derive', { seed, firstIndex: 0, count: 1 });
  expectTypeOf(derived).resolves.toEqualTypeOf<Output<'derive'>>();
  const encrypted = pool.run('encryptKeystore', {
    secretKey: seed,
    password: '',
    path: '',
    kdf: 'scrypt',
  });
  expectTypeOf(encrypted).resolves.toEqualTypeOf<string>();
  const both = await Promise.allSettled([derived, encrypted]);
  expect(both).toMatchObject([
    { reason: { code: 'worker-pool-closed' } },
    { reason: { code: 'worker-pool-closed' } },
  ]);
});

it('a pool of threads takes no other name of a job and no other input', async () => {
  const pool = await closedPool();
  const refused = await Promise.allSettled([
    // @ts-expect-error: no job has this name
    pool.run('deriveKeys', { seed, firstIndex: 0, count: 1 }),
    // @ts-expect-error: the count is missing
    pool.run('derive', { seed, firstIndex: 0 }),
    // @ts-expect-error: a seed is bytes, not hex
    pool.run('derive', { seed: '0x00', firstIndex: 0, count: 1 }),
    // @ts-expect-error: the input of another job
    pool.run('publicKeys', { seed, firstIndex: 0, count: 1 }),
    // @ts-expect-error: a member that the job does not know
    pool.run('publicKeys', { secretKeys: seed, count: 1 }),
  ]);
  for (const outcome of refused) expect(outcome.status).toBe('rejected');
});

it('a pool of threads is made for a table whose jobs all have input and output', () => {
  // @ts-expect-error: a job without an output
  const pool = new ThreadPool<{ idle: { input: null } }>({ file: FILE, size: 1 });
  expect(pool.size).toBe(1);
});
