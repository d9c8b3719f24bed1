import { type Transferable, Worker } from 'node:worker_threads';
import { OperatorError } from '../lib/errors.ts';
import { startedFile } from '../lib/package-root.ts';
import type { ErrorFacts, Input, JobName, Output, Request, Response } from './jobs.ts';

interface Job {
  readonly request: Request;
  readonly resolve: (output: Output<JobName>) => void;
  readonly reject: (error: unknown) => void;
}

const WORKER_FILE = startedFile('workers/worker');

/**
 * Threads that take one job each, started when first needed. They keep the process alive only while they work; a thread
 * that dies rejects its job and is replaced for the next one.
 */
export class ThreadPool implements AsyncDisposable {
  readonly size: number;
  readonly #queue: Job[] = [];
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  #closed = false;

  constructor(size: number) {
    this.size = size;
  }

  /** Queues a job. Byte arrays of the input are copied: the caller keeps, and wipes, its own. */
  run<N extends JobName>(name: N, input: Input<N>): Promise<Output<N>> {
    const { promise, resolve, reject } = Promise.withResolvers<Output<JobName>>();
    if (this.#closed) reject(poolClosed());
    else this.#queue.push({ request: { name, input } as Request, resolve, reject });
    this.#dispatch();
    return promise as Promise<Output<N>>;
  }

  /** Ends all threads; jobs that are not done are rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const job of [...this.#queue.splice(0), ...this.#busy.values()]) job.reject(poolClosed());
    const workers = [...this.#idle.splice(0), ...this.#busy.keys()];
    this.#busy.clear();
    await Promise.all(workers.map(worker => worker.terminate()));
  }

  #dispatch(): void {
    while (this.#queue.length > 0 && this.#busy.size < this.size) {
      const worker = this.#idle.pop() ?? this.#startWorker();
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#busy.set(worker, job);
      worker.ref();
      const buffers: Transferable[] = [];
      worker.postMessage(copyBytes(job.request, buffers), buffers);
    }
  }

  #startWorker(): Worker {
    // No environment: passwords and database addresses stand in it, and no job needs any of it.
    const worker = new Worker(WORKER_FILE, { env: {} });
    worker.on('message', (response: Response) => {
      const job = this.#release(worker);
      if (this.#closed) return;
      worker.unref();
      this.#idle.push(worker);
      if ('error' in response) job?.reject(errorFrom(response.error));
      else job?.resolve(response.output);
      this.#dispatch();
    });
    worker.on('error', cause => this.#bury(worker, cause));
    worker.on('exit', () => this.#bury(worker));
    return worker;
  }

  #release(worker: Worker): Job | undefined {
    const job = this.#busy.get(worker);
    this.#busy.delete(worker);
    return job;
  }

  #bury(worker: Worker, cause?: unknown): void {
    const place = this.#idle.indexOf(worker);
    if (place >= 0) this.#idle.splice(place, 1);
    const job = this.#release(worker);
    if (job === undefined) return;
    job.reject(
      new OperatorError(
        'worker-crashed',
        `The thread that did the job "${job.request.name}" ended unexpectedly.`,
        {
          hint: 'The machine may be out of memory; nothing of this batch was kept.',
          cause,
        },
      ),
    );
    if (!this.#closed) this.#dispatch();
  }
}

/**
 * The request with every byte array copied into a buffer of its own, which is handed over: a view would take the whole
 * buffer behind it along, other keys included.
 */
function copyBytes(value: unknown, buffers: Transferable[]): unknown {
  if (value instanceof Uint8Array) {
    const copy = Uint8Array.from(value);
    buffers.push(copy.buffer);
    return copy;
  }
  if (Array.isArray(value)) return value.map(item => copyBytes(item, buffers));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, copyBytes(item, buffers)]));
}

/** An error from another thread as the error it was there. */
function errorFrom(facts: ErrorFacts): Error {
  const { operator, code, exitCode, message, hint } = facts;
  if (operator) return new OperatorError(code, message, { hint, exitCode });
  const error = new Error(facts.message);
  if (facts.stack !== undefined) error.stack = facts.stack;
  return error;
}

function poolClosed(): OperatorError {
  return new OperatorError('worker-pool-closed', 'The worker threads were stopped before this job was done.');
}
