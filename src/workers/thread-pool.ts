// Our own, and not piscina 5.3.2, which costs an operator that verifies nothing more than a megabyte and 8 ms of CPU at its start,
// and never settles a task whose thread cannot start.
import { Worker } from 'node:worker_threads';
import { wipe } from '../lib/bytes.ts';
import type { ErrorCodeOf } from '../lib/error-codes.ts';
import { ExternalError, OperatorError } from '../lib/errors.ts';
import { Queue } from '../lib/queue.ts';
import {
  type AnswerMessage,
  bytesOf,
  copyBytes,
  type ErrorFacts,
  type JobMessage,
  type JobTable,
} from './thread-messages.ts';

export interface ThreadPoolOptions {
  /** File that every thread runs, which calls `serveJobs`: what `startedFile` gives. */
  readonly file: string;
  /** Number of threads, at most. */
  readonly size: number;
  /** How many jobs a thread is given at a time. With two, one waits at the thread while the other is done. Default: one. */
  readonly jobsPerThread?: number | undefined;
}

interface Job {
  readonly name: string;
  readonly input: unknown;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Whether it was settled before its thread has answered. */
  isGivenUp: boolean;
}

interface Thread {
  readonly worker: Worker;
  /** Jobs that it has and has not answered. */
  readonly jobs: Map<number, Job>;
}

/**
 * Threads that do jobs, started when first needed. They keep the process alive only while they work; a thread that dies
 * rejects its jobs and is replaced for the next one.
 */
export class ThreadPool<Jobs extends JobTable<Jobs>> implements AsyncDisposable {
  readonly size: number;
  readonly #file: string;
  readonly #jobsPerThread: number;
  readonly #queue = new Queue<Job>();
  readonly #threads = new Set<Thread>();
  #lastId = 0;
  #isClosed = false;

  constructor({ file, size, jobsPerThread = 1 }: ThreadPoolOptions) {
    this.#file = file;
    this.size = size;
    this.#jobsPerThread = jobsPerThread;
  }

  /** Starts all threads now, so that the first jobs do not wait for them. */
  startThreads(): void {
    while (this.#threads.size < this.size) this.#startThread();
  }

  /**
   * Queues a job. Byte arrays of the input are copied when a thread is free: the caller keeps, and wipes, its own.
   * @param signal - gives the job up: it is not begun any more, or its output is overwritten when it comes
   * @throws OperatorError 'worker-crashed' when the thread dies, 'worker-pool-closed'; what the job throws; the signal's reason
   */
  async run<N extends keyof Jobs & string>(
    name: N,
    input: Jobs[N]['input'],
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Jobs[N]['output']> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw poolClosed();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const job: Job = { name, input, resolve, reject, isGivenUp: false };
    const giveUp = () => {
      job.isGivenUp = true;
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    this.#queue.push(job);
    this.#dispatch();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Ends all threads; jobs that are not done are rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const threads = [...this.#threads];
    this.#threads.clear();
    const jobs = [...threads.flatMap(thread => [...thread.jobs.values()]), ...this.#queue.drain()];
    for (const job of jobs) job.reject(poolClosed());
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  #dispatch(): void {
    for (let job = this.#queue.peek(); job !== undefined; job = this.#queue.peek()) {
      if (!job.isGivenUp) {
        const thread = this.#freeThread();
        if (thread === undefined) return;
        this.#post(thread, job);
      }
      this.#queue.shift();
    }
  }

  /** A thread that has nothing to do, or a new one, or the least busy one; undefined when all have enough. */
  #freeThread(): Thread | undefined {
    let leastBusy: Thread | undefined;
    for (const thread of this.#threads) {
      if (leastBusy === undefined || thread.jobs.size < leastBusy.jobs.size) leastBusy = thread;
    }
    if (leastBusy?.jobs.size === 0) return leastBusy;
    if (this.#threads.size < this.size) return this.#startThread();
    return leastBusy !== undefined && leastBusy.jobs.size < this.#jobsPerThread ? leastBusy : undefined;
  }

  #startThread(): Thread {
    // No environment: passwords and database addresses stand in it, and no job needs any of it.
    const worker = new Worker(this.#file, { env: {} });
    const thread: Thread = { worker, jobs: new Map() };
    this.#threads.add(thread);
    worker.on('message', (answer: AnswerMessage) => this.#settle(thread, answer));
    worker.on('error', cause => this.#bury(thread, cause));
    worker.on('exit', () => this.#bury(thread));
    // Last: a listener of messages makes it hold the process again.
    worker.unref();
    return thread;
  }

  #post({ worker, jobs }: Thread, job: Job): void {
    const { copy, buffers } = copyBytes(job.input);
    const message: JobMessage = { id: ++this.#lastId, name: job.name, input: copy };
    try {
      worker.postMessage(message, buffers);
    } catch (error) {
      wipe(bytesOf(copy));
      job.reject(error);
      return;
    }
    jobs.set(message.id, job);
    worker.ref();
  }

  #settle({ worker, jobs }: Thread, answer: AnswerMessage): void {
    const job = jobs.get(answer.id);
    jobs.delete(answer.id);
    if (jobs.size === 0) worker.unref();
    if ('error' in answer) job?.reject(errorFrom(answer.error));
    else if (this.#isClosed || job?.isGivenUp) wipe(bytesOf(answer.output));
    else job?.resolve(answer.output);
    this.#dispatch();
  }

  /** Rejects what a thread had, once: it tells of its error, then of its end. */
  #bury(thread: Thread, cause?: unknown): void {
    if (!this.#threads.delete(thread)) return;
    for (const { name, reject } of thread.jobs.values()) reject(threadDied(name, cause));
    this.#dispatch();
  }
}

/** An error from another thread as the error it was there. */
function errorFrom(facts: ErrorFacts): Error {
  const { operator, code, exitCode, retryable, message, hint } = facts;
  // Only an ExternalError says whether it is worth another try, and its code was one of that kind.
  if (retryable !== undefined)
    return new ExternalError(code as ErrorCodeOf<'external'>, message, { hint, retryable });
  if (operator) return new OperatorError(code, message, { hint, exitCode });
  const error = new Error(facts.message);
  if (facts.stack !== undefined) error.stack = facts.stack;
  return error;
}

function threadDied(name: string, cause: unknown): OperatorError {
  return new OperatorError('worker-crashed', `The thread that did the job "${name}" ended unexpectedly.`, {
    hint: 'The machine may be out of memory; nothing of this batch was kept.',
    cause,
  });
}

function poolClosed(): OperatorError {
  return new OperatorError('worker-pool-closed', 'The worker threads were stopped before this job was done.');
}
