import type { StoredSecret } from '../../db/sealed-record.ts';
import { createShareTest, type ShareTest } from '../../domain/keys/key-share.ts';
import { isOracleSet, type OracleSet } from '../../domain/protocol/oracle-config.ts';
import { type Hex, toHex, wipe } from '../../lib/bytes.ts';
import type { ProgressBar } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { openEach } from './open-keys.ts';
import type { UnlockedVault } from './unlock-vault.ts';
import type { VisibleRows } from './visible-rows.ts';

const BATCH = 2_000;

/** What is known of one validator while its rows are opened. */
interface OpenedValidator {
  isBroken: boolean;
  secretKey: Uint8Array | undefined;
  sharesSetHash: Uint8Array | undefined;
  /** Key shares by the place of their oracle. */
  readonly shares: Uint8Array[];
}

/**
 * Opens every row and compares its public key, and tests that each validator's shares are all of one polynomial of its key.
 * @param sets - the oracle sets of the vault; one that is not what its hash says counts for nothing
 * @returns validators of which a row does not open, is missing, or does not fit to the others; in no order
 */
export async function findBrokenKeys(
  pool: WorkerPool,
  unlocked: UnlockedVault,
  rows: VisibleRows,
  sets: readonly OracleSet[],
  bar?: ProgressBar,
): Promise<Hex[]> {
  const validators = new Map<Hex, OpenedValidator>();
  try {
    for (let from = 0; from < rows.length; from += BATCH) {
      const batch = rows.slice(from, from + BATCH);
      const secretKeys = await openEach(pool, unlocked, batch, () => undefined);
      for (const [i, row] of batch.entries()) note(validators, row, secretKeys[i]);
      bar?.advance(batch.length);
    }
    const shareTestOf = createShareTests(sets);
    const broken: Hex[] = [];
    for (const [publicKey, { isBroken, secretKey, sharesSetHash, shares }] of validators) {
      const test = sharesSetHash && shareTestOf(sharesSetHash);
      // Places without a share are none of the entries.
      const isWhole = Object.keys(shares).length === shares.length;
      const isSound = !isBroken && isWhole && secretKey !== undefined && test?.(secretKey, shares);
      if (!isSound) broken.push(publicKey);
    }
    return broken;
  } finally {
    for (const { secretKey, shares } of validators.values()) {
      wipe(shares);
      if (secretKey !== undefined) wipe(secretKey);
    }
  }
}

function note(
  validators: Map<Hex, OpenedValidator>,
  row: StoredSecret,
  secretKey: Uint8Array | undefined,
): void {
  const publicKey = toHex(row.parentPublicKey ?? row.publicKey);
  const known = validators.get(publicKey);
  const validator = known ?? { isBroken: false, secretKey: undefined, sharesSetHash: undefined, shares: [] };
  if (known === undefined) validators.set(publicKey, validator);
  if (secretKey === undefined) {
    validator.isBroken = true;
  } else if (row.shareIndex === null || row.oracleSetHash === null) {
    validator.secretKey = secretKey;
  } else {
    validator.sharesSetHash = row.oracleSetHash;
    validator.shares[row.shareIndex] = secretKey;
  }
}

/** The test for shares of each oracle set, by its hash; undefined for a set that is missing or not what its hash says. */
export function createShareTests(sets: readonly OracleSet[]): (hash: Uint8Array) => ShareTest | undefined {
  const tests = new Map<Hex, ShareTest>();
  for (const set of sets.filter(isOracleSet)) {
    tests.set(toHex(set.hash), createShareTest({ threshold: set.threshold, count: set.publicKeys.length }));
  }
  return hash => tests.get(toHex(hash));
}
