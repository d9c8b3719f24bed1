import { readSealedRecord, SEALED_RECORD_LENGTH, type StoredSecret } from '../../db/sealed-record.ts';
import { createShareTest, type ShareTest } from '../../domain/keys/key-share.ts';
import { isOracleSet, type OracleSet } from '../../domain/protocol/oracle-config.ts';
import { type Hex, toHex, wipe } from '../../lib/bytes.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { openEach } from './open-keys.ts';
import type { UnlockedVault } from './unlock-vault.ts';
import { recordsOf, type ValidatorRows } from './validator-rows.ts';

/** How many rows are opened together: some two tenths of a second of two threads. */
const BATCH_ROWS = 2_000;

/** What is known of one validator when its rows have been opened. */
interface OpenedValidator {
  isBroken: boolean;
  secretKey: Uint8Array | undefined;
  sharesSetHash: Uint8Array | undefined;
  /** Key shares by the place of their oracle. */
  readonly shares: Uint8Array[];
}

/**
 * Opens every row of the validators that it is given and compares its public key, and tests that each validator's shares are
 * all of one polynomial of its key. While some are opened, more are taken.
 */
export class BrokenKeyFinder {
  readonly #pool: WorkerPool;
  readonly #unlocked: UnlockedVault;
  readonly #shareTestOf: ReturnType<typeof createShareTests>;
  readonly #broken: Hex[] = [];
  #batch: ValidatorRows[] = [];
  #rows = 0;
  #opening: Promise<void> = Promise.resolve();

  /** @param sets - the oracle sets of the vault; one that is not what its hash says counts for nothing */
  constructor(pool: WorkerPool, unlocked: UnlockedVault, sets: readonly OracleSet[]) {
    this.#pool = pool;
    this.#unlocked = unlocked;
    this.#shareTestOf = createShareTests(sets);
  }

  /** Takes all rows of a validator. What it gives is awaited before more are given. */
  add({ publicKey, records }: ValidatorRows): Promise<void> | undefined {
    const copy = Uint8Array.from(records);
    this.#batch.push({ publicKey: Uint8Array.from(publicKey), records: copy });
    this.#rows += records.length / SEALED_RECORD_LENGTH;
    return this.#rows < BATCH_ROWS ? undefined : this.#openBatch();
  }

  /** @returns validators of which a row does not open, is missing, or does not fit to the others; in no order */
  async end(): Promise<Hex[]> {
    await this.#openBatch();
    await this.#opening;
    return this.#broken;
  }

  async #openBatch(): Promise<void> {
    await this.#opening;
    const batch = this.#batch;
    this.#batch = [];
    this.#rows = 0;
    if (batch.length === 0) return;
    this.#opening = this.#test(batch);
    // It is awaited with the next batch, perhaps after it has failed.
    this.#opening.catch(() => undefined);
  }

  async #test(batch: readonly ValidatorRows[]): Promise<void> {
    const rows = batch.flatMap(({ records }) => [...recordsOf(records)].map(readSealedRecord));
    const secretKeys = await openEach(this.#pool, this.#unlocked, rows, () => undefined);
    try {
      let next = 0;
      for (const { publicKey, records } of batch) {
        const end = next + records.length / SEALED_RECORD_LENGTH;
        const validator = assemble(rows.slice(next, end), secretKeys.slice(next, end));
        if (!this.#isSound(validator)) this.#broken.push(toHex(publicKey));
        next = end;
      }
    } finally {
      wipe(secretKeys);
    }
  }

  #isSound({ isBroken, secretKey, sharesSetHash, shares }: OpenedValidator): boolean {
    const test = sharesSetHash && this.#shareTestOf(sharesSetHash);
    // Places without a share are none of the entries.
    const isWhole = Object.keys(shares).length === shares.length;
    return !isBroken && isWhole && secretKey !== undefined && test?.(secretKey, shares) === true;
  }
}

function assemble(
  rows: readonly StoredSecret[],
  secretKeys: readonly (Uint8Array | undefined)[],
): OpenedValidator {
  const validator: OpenedValidator = {
    isBroken: false,
    secretKey: undefined,
    sharesSetHash: undefined,
    shares: [],
  };
  for (const [i, row] of rows.entries()) {
    const secretKey = secretKeys[i];
    if (secretKey === undefined) {
      validator.isBroken = true;
    } else if (row.shareIndex === null || row.oracleSetHash === null) {
      validator.secretKey = secretKey;
    } else {
      validator.sharesSetHash = row.oracleSetHash;
      validator.shares[row.shareIndex] = secretKey;
    }
  }
  return validator;
}

/** The test for shares of each oracle set, by its hash; undefined for a set that is missing or not what its hash says. */
export function createShareTests(sets: readonly OracleSet[]): (hash: Uint8Array) => ShareTest | undefined {
  const tests = new Map<Hex, ShareTest>();
  for (const set of sets.filter(isOracleSet)) {
    tests.set(toHex(set.hash), createShareTest({ threshold: set.threshold, count: set.publicKeys.length }));
  }
  return hash => tests.get(toHex(hash));
}
