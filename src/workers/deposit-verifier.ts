import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Deposit, findInvalidDeposits } from '../domain/consensus/deposit-data.ts';
import { writeDepositRecords } from '../domain/consensus/deposit-log.ts';
import { startedFile } from '../lib/package-root.ts';

/** What a thread is told, and what it answers: places of the invalid ones, or why it failed, which is a bug. */
export interface VerifyJob {
  readonly records: Uint8Array;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}
export type VerifyOutcome = { readonly invalid: readonly number[] } | { readonly failure: string };

/** Verifies signatures of deposits; its threads are gone when it is disposed. */
export interface DepositVerifier extends AsyncDisposable {
  /** Places of the deposits whose signature the beacon chain would not accept, in order. */
  findInvalid(deposits: readonly Deposit[]): Promise<number[]>;
}

export interface DepositVerifierOptions {
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
  /** Default: the machine's parallelism, at most four. */
  readonly threads?: number | undefined;
}

interface Job {
  readonly deposits: readonly Deposit[];
  readonly resolve: (invalid: readonly number[]) => void;
  readonly reject: (error: Error) => void;
}

/** Verified together: some 60 ms of one thread. */
const BATCH = 128;
/** So few are sooner done than a thread is started; some 20 ms. */
const AT_ONCE = 32;
const MAX_THREADS = 4;
const WORKER_FILE = startedFile('workers/verify-worker');

/** Threads are started when there is more to verify than is done at once, and no more than there are batches. */
export function createDepositVerifier(options: DepositVerifierOptions): DepositVerifier {
  const { genesisForkVersion, threads: size = Math.min(availableParallelism(), MAX_THREADS) } = options;
  const queue: Job[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Job>();
  let isClosed = false;

  const startThread = (): Worker => {
    const worker = new Worker(WORKER_FILE, { env: {} });
    worker.on('message', (outcome: VerifyOutcome) => {
      const job = busy.get(worker);
      busy.delete(worker);
      idle.push(worker);
      if ('invalid' in outcome) job?.resolve(outcome.invalid);
      else job?.reject(new Error(outcome.failure));
      dispatch();
    });
    worker.on('error', error => bury(worker, error));
    worker.on('exit', () => bury(worker, new Error('the verifying thread ended')));
    return worker;
  };
  const bury = (worker: Worker, error: Error): void => {
    const job = busy.get(worker);
    busy.delete(worker);
    if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1);
    job?.reject(error);
    if (!isClosed) dispatch();
  };
  const dispatch = (): void => {
    while (queue.length > 0 && busy.size < size) {
      const job = queue.shift();
      if (job === undefined) return;
      const worker = idle.pop() ?? startThread();
      busy.set(worker, job);
      const records = writeDepositRecords(job.deposits);
      worker.postMessage({ records, genesisForkVersion } satisfies VerifyJob, [records.buffer]);
    }
  };
  const verifyBatch = (deposits: readonly Deposit[]): Promise<readonly number[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
    if (isClosed) reject(stopped());
    else queue.push({ deposits, resolve, reject });
    dispatch();
    return promise;
  };

  return {
    findInvalid: async deposits => {
      if (deposits.length <= AT_ONCE) return findInvalidDeposits(deposits, genesisForkVersion);
      const batches = Array.from({ length: Math.ceil(deposits.length / BATCH) }, (_, i) => i * BATCH);
      const invalid = await Promise.all(
        batches.map(async from => {
          const places = await verifyBatch(deposits.slice(from, from + BATCH));
          return places.map(place => from + place);
        }),
      );
      return invalid.flat();
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      for (const job of [...queue.splice(0), ...busy.values()]) job.reject(stopped());
      const workers = [...idle.splice(0), ...busy.keys()];
      busy.clear();
      await Promise.all(workers.map(worker => worker.terminate()));
    },
  };
}

function stopped(): Error {
  return new Error('the verifying threads were stopped');
}
