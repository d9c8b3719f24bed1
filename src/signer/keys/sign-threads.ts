import { Worker } from 'node:worker_threads';
import { startedFile } from '../../lib/package-root.ts';
import type { SignBatch, SignedBatch } from './sign-messages.ts';

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
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Batches that it has and has not answered, oldest first. */
  readonly batches: (readonly Job[])[];
}

/** One batch is signed while the next one waits at the thread: it is never idle for the length of a message. */
const BATCHES_PER_THREAD = 2;
const MAX_BATCH = 16;
const WORKER_FILE = startedFile('signer/keys/sign-worker');

/** Starts the threads. They have no environment: passwords stand in it. */
export function startSignThreads(size: number): SignThreads {
  const queue: Job[] = [];
  let threads: Thread[] = [];
  let isFlushing = false;
  let isClosed = false;

  const startThread = (): Thread => {
    const worker = new Worker(WORKER_FILE, { env: {} });
    const thread: Thread = { worker, batches: [] };
    worker.on('message', (answer: SignedBatch) => {
      settle(thread.batches.shift() ?? [], answer);
      flush();
    });
    worker.on('error', error => bury(thread, error));
    worker.on('exit', () => bury(thread, new Error('the signing thread ended')));
    return thread;
  };
  const bury = (thread: Thread, error: Error): void => {
    if (!threads.includes(thread)) return;
    threads = threads.filter(other => other !== thread);
    for (const job of thread.batches.splice(0).flat()) job.reject(error);
    if (!isClosed) threads.push(startThread());
    flush();
  };
  const flush = (): void => {
    isFlushing = false;
    while (queue.length > 0) {
      const [thread] = threads
        .filter(({ batches }) => batches.length < BATCHES_PER_THREAD)
        .sort((a, b) => a.batches.length - b.batches.length);
      if (thread === undefined) return;
      // Small batches while there is little to do, so that all threads have some of it.
      const count = Math.min(MAX_BATCH, Math.ceil(queue.length / (threads.length * BATCHES_PER_THREAD)));
      post(thread, takeBatch(queue, count));
    }
  };

  for (let i = 0; i < size; i++) threads.push(startThread());
  return {
    size,
    sign: (secretKeys, place, root) => {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      if (isClosed) return Promise.reject(new Error('the signer is stopping'));
      queue.push({ secretKeys, place, root, resolve, reject });
      if (!isFlushing) setImmediate(flush);
      isFlushing = true;
      return promise;
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      const ending = threads;
      threads = [];
      const stopped = new Error('the signer was stopped');
      for (const job of [...queue.splice(0), ...ending.flatMap(({ batches }) => batches.flat())])
        job.reject(stopped);
      await Promise.all(ending.map(({ worker }) => worker.terminate()));
    },
  };
}

/** Jobs from the head of the queue that use the same keys: a reload may stand between two of them. */
function takeBatch(queue: Job[], count: number): Job[] {
  const end = queue.findIndex((job, i) => i >= count || job.secretKeys !== queue[0]?.secretKeys);
  return queue.splice(0, end === -1 ? count : end);
}

function post(thread: Thread, jobs: readonly Job[]): void {
  const [first] = jobs;
  if (first === undefined) return;
  thread.batches.push(jobs);
  const roots = new Uint8Array(32 * jobs.length);
  for (const [i, { root }] of jobs.entries()) roots.set(root, 32 * i);
  const batch: SignBatch = { secretKeys: first.secretKeys, places: jobs.map(({ place }) => place), roots };
  thread.worker.postMessage(batch, [roots.buffer]);
}

function settle(jobs: readonly Job[], answer: SignedBatch): void {
  for (const [i, { resolve, reject }] of jobs.entries()) {
    if ('signatures' in answer) resolve(answer.signatures.subarray(96 * i, 96 * (i + 1)));
    else reject(new Error(answer.failure));
  }
}
