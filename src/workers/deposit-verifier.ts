import { availableParallelism } from 'node:os';
import type { Deposit } from '../domain/consensus/deposit.ts';
import { writeDepositRecords } from '../domain/consensus/deposit-log.ts';
import { findInvalidDeposits } from '../domain/consensus/deposit-signature.ts';
import { mapBounded } from '../lib/limit.ts';
import { startedFile } from '../lib/package-root.ts';
import { ThreadPool } from './thread-pool.ts';

/** What a thread is told, and what it answers: places of the invalid ones. */
export interface VerifyJobs {
  findInvalid: {
    input: {
      readonly records: Uint8Array;
      /** 4 bytes. */
      readonly genesisForkVersion: Uint8Array;
    };
    output: readonly number[];
  };
}

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

/** Verified together: some 60 ms of one thread. */
const BATCH = 128;
/** So few are sooner done than a thread is started; some 20 ms. */
const AT_ONCE = 32;
const MAX_THREADS = 4;
const WORKER_FILE = startedFile('workers/verify-worker');

/** Threads are started when there is more to verify than is done at once, and no more than there are batches. */
export function createDepositVerifier(options: DepositVerifierOptions): DepositVerifier {
  const { genesisForkVersion, threads: size = Math.min(availableParallelism(), MAX_THREADS) } = options;
  const pool = new ThreadPool<VerifyJobs>({ file: WORKER_FILE, size });
  return {
    findInvalid: async deposits => {
      if (deposits.length <= AT_ONCE) return findInvalidDeposits(deposits, genesisForkVersion);
      const starts = Array.from({ length: Math.ceil(deposits.length / BATCH) }, (_, i) => i * BATCH);
      const verifyFrom = async (from: number): Promise<number[]> => {
        const records = writeDepositRecords(deposits.slice(from, from + BATCH));
        const places = await pool.run('findInvalid', { records, genesisForkVersion });
        return places.map(place => from + place);
      };
      const invalid = await mapBounded(starts, verifyFrom, { concurrency: size });
      return invalid.flat();
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}
