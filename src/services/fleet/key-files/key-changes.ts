import { readKeyFile, type SigningKey } from '../../../domain/fleet/web3signer-key-file.ts';
import { findRemoved } from '../../../domain/fleet/written-keys.ts';
import { publicKeyOf } from '../../../domain/keys/derivation.ts';
import { compareBytes, type Hex, toHex, wipe } from '../../../lib/bytes.ts';
import type { RecordTable } from '../../../lib/record-table.ts';
import type { PresentFile } from './present-key-files.ts';
import type { ValidatorsRecord } from './validators-record.ts';

/** A key that a signer is to have. */
export interface FileKey extends SigningKey {
  /** Whether it is a share of a validator's key, which signs exits only. */
  readonly isShare?: boolean | undefined;
}

/** What a run would change of the keys that a directory holds for the vault. */
export interface KeyChanges {
  /** Distinct secret keys that are not wanted any more; the present files'. */
  readonly removed: readonly Uint8Array[];
  /** Validators whose keys are among the removed ones. */
  readonly removedValidators: readonly Hex[];
  /** Removed keys that are shares, of an oracle set that was replaced or of a removed validator. */
  readonly removedShares: number;
  /** How many validators' keys the directory holds now. */
  readonly validatorsBefore: number;
  /** Validators whose keys the directory had once, has not now and gets again. */
  readonly returning: readonly Hex[];
}

export interface CompareKeysOptions {
  readonly keys: readonly FileKey[];
  readonly present: readonly PresentFile[];
  readonly wanted: ReadonlyMap<string, Uint8Array>;
  /** Public keys of the wanted validators. */
  readonly validators: RecordTable;
  readonly record: ValidatorsRecord | undefined;
  /** Public keys of all shares that the database knows, of whichever oracle set; asked only where nothing else tells. */
  readonly listShares?: (() => Promise<RecordTable>) | undefined;
}

/** Compares the keys that a directory holds with the wanted ones. A key that nothing is known of counts as a validator's. */
export async function compareKeys(options: CompareKeysOptions): Promise<KeyChanges> {
  const { keys, present, record } = options;
  const removed = findRemovedKeys(keys, present);
  if (removed.length === 0 && record === undefined) return NOTHING;
  const removedValidators = await findRemovedValidators(options, removed);
  const held = validatorsHeld(options);
  return {
    removed,
    removedValidators,
    removedShares: Math.max(0, removed.length - removedValidators.length),
    validatorsBefore: held.count + removedValidators.length,
    returning: held.missing.filter(publicKey => isKnown(record, publicKey)).map(toHex),
  };
}

const NOTHING: KeyChanges = {
  removed: [],
  removedValidators: [],
  removedShares: 0,
  validatorsBefore: 0,
  returning: [],
};

/** Distinct keys of our present files that are not wanted any more. */
function findRemovedKeys(keys: readonly FileKey[], present: readonly PresentFile[]): Uint8Array[] {
  const candidates = present.filter(file => file.isOurs && !file.isWanted).flatMap(file => file.secretKeys);
  if (candidates.length === 0) return [];
  const sorted = keys.map(key => key.secretKey).sort(compareBytes);
  return distinct(candidates).filter(key => indexOf(sorted, key) < 0);
}

/** Validators of what was written with the record are told by it, those of other files by their keys themselves. */
async function findRemovedValidators(
  { present, record, validators, listShares }: CompareKeysOptions,
  removed: readonly Uint8Array[],
): Promise<Hex[]> {
  if (removed.length === 0) return [];
  const files = present.filter(file => file.isOurs && !file.isWanted);
  const recorded = files
    .filter(file => file.isRecorded)
    .flatMap(file => file.secretKeys)
    .sort(compareBytes);
  const removedValidators = new Set<Hex>();
  if (record !== undefined && removed.some(key => indexOf(recorded, key) >= 0)) {
    for (const publicKey of findRemoved(record.here, validators)) removedValidators.add(publicKey);
  }
  const unknown = removed.filter(key => indexOf(recorded, key) < 0).map(publicKeyOf);
  if (unknown.length === 0) return [...removedValidators];
  const shares = await listShares?.();
  for (const publicKey of unknown)
    if (shares?.has(publicKey) !== true) removedValidators.add(toHex(publicKey));
  return [...removedValidators];
}

/** How many of the wanted validators' keys the directory holds, and which it does not. */
function validatorsHeld({ keys, present, wanted }: CompareKeysOptions): {
  readonly count: number;
  readonly missing: readonly Uint8Array[];
} {
  const validators = keys
    .filter(key => key.isShare !== true)
    .sort((a, b) => compareBytes(a.secretKey, b.secretKey));
  const sorted = validators.map(key => key.secretKey);
  const isHeld = new Uint8Array(sorted.length);
  const mark = (secretKeys: readonly Uint8Array[]) => {
    for (const secretKey of secretKeys) {
      const place = indexOf(sorted, secretKey);
      if (place >= 0) isHeld[place] = 1;
    }
  };
  for (const file of present.filter(file => file.isOurs)) {
    mark(file.secretKeys);
    if (!file.isWanted) continue;
    const unchanged = readKeyFile(wanted.get(file.name) ?? new Uint8Array(), file.name);
    mark(unchanged);
    wipe(unchanged);
  }
  const missing = validators.filter((_, place) => isHeld[place] === 0).map(key => key.publicKey);
  return { count: sorted.length - missing.length, missing };
}

function isKnown(record: ValidatorsRecord | undefined, publicKey: Uint8Array): boolean {
  return record !== undefined && (record.here.has(publicKey) || record.gone.has(publicKey));
}

function distinct(keys: readonly Uint8Array[]): Uint8Array[] {
  return keys
    .toSorted(compareBytes)
    .filter((key, index, sorted) => index === 0 || compareBytes(key, sorted[index - 1] ?? key) !== 0);
}

/** Place of an item in a sorted list, negative when it is not in it. */
export function indexOf(sorted: readonly Uint8Array[], item: Uint8Array): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = compareBytes(sorted[middle] ?? item, item);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
