import type { RecordTable } from '../../lib/record-table.ts';
import type { SealOutput, SealTarget } from '../../workers/jobs.ts';
import type { WorkerPool } from '../../workers/pool.ts';

/** Where the validator keys of an upload come from. None of them is open before a thread is given it. */
export interface KeySource {
  /** What messages call them, in the plural. */
  readonly noun: string;
  readonly length: number;
  /** The public keys that the source names, each once, by their places. */
  readonly publicKeys: RecordTable;
  /** Cuts the work on the keys at these places into what a thread is given at a time, in their order. */
  jobsOf(places: Iterable<number>): Iterable<SealJob>;
}

/** Keys that one thread opens, one after another, and seals with fresh shares of them. */
export interface SealJob {
  readonly publicKeys: readonly Uint8Array[];
  /** What it takes to open them, in rounds of pbkdf2. */
  readonly work: number;
  /** @throws when a key does not open, or has another public key than the source names */
  run(pool: WorkerPool, target: SealTarget): Promise<SealOutput>;
}
