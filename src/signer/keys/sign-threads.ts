import { concatBytes } from '../../lib/bytes.ts';
import { SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { startedFile } from '../../lib/package-root.ts';
import { ThreadPool } from '../../workers/thread-pool.ts';
import type { SignJobs } from './sign-messages.ts';

/** Signs in threads of its own, so that many signatures are made at once and the server goes on answering. */
export interface SignThreads extends AsyncDisposable {
  readonly size: number;
  /** The 96-byte signature of a 32-byte root under the key at a place of the shared memory. */
  sign(secretKeys: SharedArrayBuffer, place: number, root: Uint8Array): Promise<Uint8Array>;
}

interface Job {
  readonly secretKeys: SharedArrayBuffer;
  readonly place: number;
  readonly root: Uint8Array;
  readonly resolve: (signature: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** One batch is signed while the next one waits at the thread: it is never idle for the length of a message. */
const BATCHES_PER_THREAD = 2;
const MAX_BATCH = 16;
const WORKER_FILE = startedFile('signer/keys/sign-worker');

/** Starts the threads. */
export function startSignThreads(size: number): SignThreads {
  const threads = new ThreadPool<SignJobs>({ file: WORKER_FILE, size, jobsPerThread: BATCHES_PER_THREAD });
  const capacity = size * BATCHES_PER_THREAD;
  const queue: Job[] = [];
  let batchesUnderWay = 0;
  let isFlushing = false;

  const flush = (): void => {
    isFlushing = false;
    while (queue.length > 0 && batchesUnderWay < capacity) {
      // Small batches while there is little to do, so that all threads have some of it.
      const jobs = takeBatch(queue, Math.min(MAX_BATCH, Math.ceil(queue.length / capacity)));
      batchesUnderWay += 1;
      void signBatch(threads, jobs).finally(() => {
        batchesUnderWay -= 1;
        flush();
      });
    }
  };

  threads.startThreads();
  return {
    size,
    sign: (secretKeys, place, root) => {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      queue.push({ secretKeys, place, root, resolve, reject });
      if (!isFlushing) setImmediate(flush);
      isFlushing = true;
      return promise;
    },
    [Symbol.asyncDispose]: () => threads[Symbol.asyncDispose](),
  };
}

/** Jobs from the head of the queue that use the same keys: a reload may stand between two of them. */
function takeBatch(queue: Job[], count: number): Job[] {
  const end = queue.findIndex((job, i) => i >= count || job.secretKeys !== queue[0]?.secretKeys);
  return queue.splice(0, end === -1 ? count : end);
}

/** Has a thread sign, and settles the jobs by what it answers. */
async function signBatch(threads: ThreadPool<SignJobs>, jobs: readonly Job[]): Promise<void> {
  const [first] = jobs;
  if (first === undefined) return;
  const { secretKeys } = first;
  const places = jobs.map(({ place }) => place);
  const roots = concatBytes(jobs.map(({ root }) => root));
  try {
    const signatures = await threads.run('sign', { secretKeys, places, roots });
    for (const [i, { resolve }] of jobs.entries())
      resolve(signatures.subarray(SIGNATURE_LENGTH * i, SIGNATURE_LENGTH * (i + 1)));
  } catch (error) {
    for (const { reject } of jobs) reject(error);
  }
}
