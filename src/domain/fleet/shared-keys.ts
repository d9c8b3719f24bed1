import { equalBytes } from '../../lib/bytes.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';

const INDEX_LENGTH = 4;
const HEAD_LENGTH = PUBLIC_KEY_LENGTH + HASH_LENGTH + INDEX_LENGTH;

/** Length of a share in {@link SharedKey.records}. */
export const SHARE_RECORD_LENGTH = INDEX_LENGTH + PUBLIC_KEY_LENGTH;

/** A validator that readers see, with its shares. Its byte strings are views. */
export interface SharedKey {
  readonly publicKey: Uint8Array;
  /** Hash of the oracle set of its shares. */
  readonly sharesSetHash: Uint8Array;
  /** Each share as the place of its oracle (4 bytes, big-endian) and its public key, in the order of the places. */
  readonly records: Uint8Array;
}

/**
 * The validators that readers see and their shares, in the order of their public keys, as the database has joined them: an
 * object for each of a hundred thousand shares takes five times their bytes.
 */
export class SharedKeys implements Iterable<SharedKey> {
  readonly #pages: readonly Uint8Array[];
  /** How many validators there are. */
  readonly length: number;
  /** How many shares all of them have together. */
  readonly shareCount: number;

  private constructor(pages: readonly Uint8Array[], length: number, shareCount: number) {
    this.#pages = pages;
    this.length = length;
    this.shareCount = shareCount;
  }

  /**
   * Reads what the database has joined.
   * @param pages - of each validator public key, hash of the oracle set, length of the records (4 bytes, big-endian), records
   * @returns undefined when that is not what they are
   */
  static read(pages: readonly Uint8Array[]): SharedKeys | undefined {
    let length = 0;
    let shareCount = 0;
    for (const page of pages) {
      const view = viewOf(page);
      let offset = 0;
      while (offset + HEAD_LENGTH <= page.length) {
        const recordsLength = view.getUint32(offset + HEAD_LENGTH - INDEX_LENGTH);
        offset += HEAD_LENGTH + recordsLength;
        if (recordsLength % SHARE_RECORD_LENGTH !== 0) return undefined;
        shareCount += recordsLength / SHARE_RECORD_LENGTH;
        length += 1;
      }
      if (offset !== page.length) return undefined;
    }
    return new SharedKeys(pages, length, shareCount);
  }

  *[Symbol.iterator](): Generator<SharedKey, void, undefined> {
    for (const page of this.#pages) {
      const view = viewOf(page);
      for (let offset = 0; offset < page.length; ) {
        const records = offset + HEAD_LENGTH;
        const end = records + view.getUint32(records - INDEX_LENGTH);
        yield {
          publicKey: page.subarray(offset, offset + PUBLIC_KEY_LENGTH),
          sharesSetHash: page.subarray(offset + PUBLIC_KEY_LENGTH, records - INDEX_LENGTH),
          records: page.subarray(records, end),
        };
        offset = end;
      }
    }
  }

  /** Those whose shares are of one oracle set. */
  *ofSet(hash: Uint8Array): Generator<SharedKey, void, undefined> {
    for (const key of this) if (equalBytes(key.sharesSetHash, hash)) yield key;
  }

  /** Whether no share stands twice, for two oracles or two validators. */
  hasDistinctShares(): boolean {
    // Sorted numbers instead of a set of a hundred thousand texts. Equal beginnings are not equal keys yet.
    const beginnings = new BigUint64Array(this.shareCount);
    let place = 0;
    for (const { records } of this) {
      const view = viewOf(records);
      for (let offset = INDEX_LENGTH; offset < records.length; offset += SHARE_RECORD_LENGTH)
        beginnings[place++] = view.getBigUint64(offset);
    }
    beginnings.sort();
    const isDistinct = beginnings.every((one, at) => at === 0 || one !== beginnings[at - 1]);
    return isDistinct || this.#countDistinct() === this.shareCount;
  }

  #countDistinct(): number {
    const seen = new Set<string>();
    for (const key of this)
      for (const share of sharesOf(key)) seen.add(Buffer.from(share).toString('latin1'));
    return seen.size;
  }
}

/** The validators' public keys, in order. */
export function* publicKeysIn(keys: SharedKeys): Generator<Uint8Array, void, undefined> {
  for (const { publicKey } of keys) yield publicKey;
}

/** The public keys of a validator's shares, in the order of the oracles. */
export function sharesOf({ records }: Pick<SharedKey, 'records'>): Uint8Array[] {
  return Array.from({ length: records.length / SHARE_RECORD_LENGTH }, (_, place) => {
    const offset = place * SHARE_RECORD_LENGTH + INDEX_LENGTH;
    return records.subarray(offset, offset + PUBLIC_KEY_LENGTH);
  });
}

/** How many oracles, from the first one on, a validator has a share for. */
export function countShares({ records }: Pick<SharedKey, 'records'>): number {
  const view = viewOf(records);
  let count = 0;
  for (let offset = 0; offset < records.length; offset += SHARE_RECORD_LENGTH)
    if (view.getUint32(offset) === count) count += 1;
  return count;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
