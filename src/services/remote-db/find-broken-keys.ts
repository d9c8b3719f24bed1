import { createShareTest, type ShareTest } from '../../domain/keys/key-share.ts';
import { isOracleSet, type OracleSet } from '../../domain/protocol/oracle-config.ts';
import { type Hex, toHex } from '../../lib/bytes.ts';
import type { ProgressBar } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { KeyTable, type OpenedValidator } from './key-table.ts';
import { openPages } from './open-keys.ts';
import type { UnlockedVault } from './unlock-vault.ts';
import type { VisibleRows } from './visible-rows.ts';

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
  using table = new KeyTable();
  for await (const { page, opened } of openPages(pool, unlocked, rows.pages())) {
    table.addPage(page.slice(0, page.length), opened);
    bar?.advance(page.length);
  }
  const shareTestOf = createShareTests(sets);
  const broken = table.validators().filter(validator => !isSound(validator, shareTestOf));
  return Array.from(broken, ({ publicKey }) => toHex(publicKey));
}

/** Whether all rows of a validator opened, and its shares are those of its key, none of them missing. */
function isSound({ secretKey, sharesSetHash, shares }: OpenedValidator, shareTestOf: ShareTests): boolean {
  const secrets = shares.flatMap(share => share.secretKey ?? []);
  const isWhole = secrets.length === shares.length && shares.every(({ place }, i) => place === i);
  if (!isWhole || secretKey === undefined || sharesSetHash === undefined) return false;
  return shareTestOf(sharesSetHash)?.(secretKey, secrets) ?? false;
}

/** The test for shares of an oracle set, by its hash; undefined for a set that is missing or not what its hash says. */
export type ShareTests = (hash: Uint8Array) => ShareTest | undefined;

/** Makes the tests for shares of these oracle sets. */
export function createShareTests(sets: readonly OracleSet[]): ShareTests {
  const tests = new Map<Hex, ShareTest>();
  for (const set of sets.filter(isOracleSet)) {
    tests.set(toHex(set.hash), createShareTest({ threshold: set.threshold, count: set.publicKeys.length }));
  }
  return hash => tests.get(toHex(hash));
}
