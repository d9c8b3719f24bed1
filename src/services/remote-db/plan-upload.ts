import type { Database } from '../../db/database.ts';
import { listStoredKeypairs } from '../../db/keypairs.ts';
import type { Vault } from '../../db/vaults.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import { concatBytes, type Hex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { GrowingBytes } from '../../lib/growing-bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable, sortRecords } from '../../lib/record-table.ts';
import type { KeySource } from './key-source.ts';

/** What an upload has to store, and what readers will see after it. Public keys stand one after another. */
export interface UploadPlan {
  /** All keys of this upload, sorted. */
  readonly publicKeys: Uint8Array;
  /** Places of the keys to open, since the database has no such key. */
  readonly fresh: readonly number[];
  /** Stored keys that lack shares of this oracle set: opened from the database, which costs no KDF. */
  readonly stale: Uint8Array;
  /** What readers will see, sorted. */
  readonly activeAfterwards: RecordTable;
  /** Whether readers see all of the upload already, with shares of this oracle set. */
  readonly isVisible: boolean;
}

/**
 * Compares the keys of an upload with the keypairs that the database has.
 * @param upload.visible - the validators of the manifest
 */
export async function planUpload(
  database: Database,
  { vaultId }: Vault,
  upload: {
    readonly oracleSet: OracleSet;
    readonly keys: KeySource;
    readonly visible: RecordTable;
  },
): Promise<UploadPlan> {
  const { keys, visible } = upload;
  const { hash, publicKeys: oracles } = upload.oracleSet;
  const stored = await listStoredKeypairs(database, {
    vaultId,
    oracleSetHash: hash,
    shareCount: oracles.length,
  });
  const states = new Uint8Array(keys.length);
  const others = new GrowingBytes();
  let seen = 0;
  for (const { publicKey, isActive, isComplete, isOfSet } of stored) {
    const place = keys.publicKeys.placeOf(publicKey);
    if (place === undefined) {
      // By the manifest, and not by a column that anybody who writes to the database can set.
      if (visible.has(publicKey)) others.append(publicKey);
      continue;
    }
    states[place] = stateOf({ isActive, isComplete });
    if (isActive && isComplete && isOfSet && visible.has(publicKey)) seen += 1;
  }
  const stale = new GrowingBytes();
  const fresh: number[] = [];
  for (const [place, state] of states.entries()) {
    if (state === FRESH) fresh.push(place);
    if (state === STALE) stale.append(keys.publicKeys.at(place));
  }
  const uploaded = keys.publicKeys.flat();
  const all = others.length === 0 ? uploaded : concatBytes([others.subarray(), uploaded]);
  const activeAfterwards = RecordTable.of(sortRecords(all, PUBLIC_KEY_LENGTH), PUBLIC_KEY_LENGTH);
  return {
    publicKeys: others.length === 0 ? activeAfterwards.flat() : sortRecords(uploaded, PUBLIC_KEY_LENGTH),
    fresh,
    stale: stale.subarray(),
    activeAfterwards,
    isVisible: seen === keys.length,
  };
}

/** What has to be done about a key. */
const FRESH = 0;
const STALE = 1;
const COMPLETE = 2;

function stateOf({ isActive, isComplete }: { readonly isActive: boolean; readonly isComplete: boolean }) {
  if (isComplete) return COMPLETE;
  return isActive ? STALE : FRESH;
}

/** Replaced keys that had not been stored by this run before. */
export function countReplacedOnly(
  { fresh, stale }: UploadPlan,
  keys: KeySource,
  {
    unopened,
    replaced,
  }: {
    readonly unopened: ReadonlySet<Hex>;
    readonly replaced: readonly { readonly publicKey: Uint8Array }[];
  },
): number {
  if (replaced.length === 0) return 0;
  const counted = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const place of fresh) counted.add(keys.publicKeys.at(place));
  for (let at = 0; at < stale.length; at += PUBLIC_KEY_LENGTH) {
    const publicKey = stale.subarray(at, at + PUBLIC_KEY_LENGTH);
    if (!unopened.has(toHex(publicKey))) counted.add(publicKey);
  }
  return replaced.filter(({ publicKey }) => !counted.has(publicKey)).length;
}

/**
 * Insists that readers will see no key but the uploaded ones and those that were proven to be the vault's.
 * @throws OperatorError 'vault-changed'
 */
export function assertKnown(
  { activeAfterwards }: UploadPlan,
  { uploaded, proven }: { readonly uploaded: RecordTable; readonly proven: RecordTable },
): void {
  for (let place = 0; place < activeAfterwards.length; place++) {
    const publicKey = activeAfterwards.at(place);
    if (!uploaded.has(publicKey) && !proven.has(publicKey)) throw changedMeanwhile(toHex(publicKey));
  }
}

export function changedMeanwhile(what: string): OperatorError {
  return new OperatorError(
    'vault-changed',
    `The validators of the vault were changed by somebody else meanwhile: ${what}.`,
    { hint: 'Run "remote-db verify", then upload-keypairs again.' },
  );
}
