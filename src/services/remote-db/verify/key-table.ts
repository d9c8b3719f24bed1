import type { StoredSecret } from '../../../db/sealed-record.ts';
import { wipe } from '../../../lib/bytes.ts';
import { SECRET_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { OpenOutput } from '../../../workers/jobs.ts';

/** What was opened of one validator. Its keys are views of the table, and undefined where a row was refused. */
export interface OpenedValidator {
  /** Whether it has a row of its own. */
  readonly hasOwnRow: boolean;
  readonly secretKey: Uint8Array | undefined;
  /** Its shares by the places of their oracles. */
  readonly shares: readonly { readonly place: number; readonly secretKey: Uint8Array | undefined }[];
}

interface Page {
  /** Secret keys of 32 bytes, one for each row. */
  readonly secretKeys: Uint8Array;
  readonly refused: ReadonlySet<number>;
  /** The validator whose share a row is; none for a validator's own. */
  readonly parents: Int32Array;
  /** Place of its oracle. */
  readonly places: Uint32Array;
}

const NONE = -1;

/**
 * Opened rows of a vault, brought together by validator whatever order they came in. Kept in flat arrays: an object for each
 * of 360,000 shares takes a hundred megabytes. Disposing of it overwrites the keys.
 */
export class KeyTable implements Disposable {
  /** Validators, in the order in which rows first named them, by the 48 characters of their public keys. */
  readonly #indexes = new Map<string, number>();
  readonly #ownRows: number[] = [];
  readonly #pages: Page[] = [];
  #rowCount = 0;
  #shareCount = 0;
  #groups: { readonly starts: Uint32Array; readonly rows: Uint32Array } | undefined;

  /** How many rows are no validator's own. */
  get shareCount(): number {
    return this.#shareCount;
  }

  /**
   * Adds rows in the order of their public keys.
   * @param opened - what came of them, which the table takes over
   * @throws RangeError when a page other than the last one has another length than the first
   */
  addPage(rows: readonly StoredSecret[], { secretKeys, refused }: OpenOutput): void {
    const parents = new Int32Array(rows.length).fill(NONE);
    const places = new Uint32Array(rows.length);
    const page = { secretKeys, refused: new Set(refused), parents, places };
    this.#pages.push(page);
    if (this.#rowCount !== (this.#pages.length - 1) * this.#pageLength)
      throw new RangeError('a page is not of the same length as the first one');
    for (const [i, row] of rows.entries()) {
      if (row.kind === 'validator') this.#ownRows[this.#indexOf(row.publicKey)] = this.#rowCount + i;
      else this.#shareCount += 1;
      if (row.parentPublicKey === null) continue;
      const parent = this.#indexOf(row.parentPublicKey);
      parents[i] = parent;
      places[i] = row.shareIndex ?? 0;
    }
    this.#rowCount += rows.length;
    this.#groups = undefined;
  }

  /** What there is of a validator; undefined when no row names it. */
  find(publicKey: Uint8Array): OpenedValidator | undefined {
    const index = this.#indexes.get(latin1Of(publicKey));
    return index === undefined ? undefined : this.#validatorAt(index);
  }

  [Symbol.dispose](): void {
    wipe(this.#pages.values().map(({ secretKeys }) => secretKeys));
  }

  get #pageLength(): number {
    return this.#pages[0]?.parents.length ?? 0;
  }

  #indexOf(publicKey: Uint8Array): number {
    const key = latin1Of(publicKey);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const index = this.#indexes.size;
    this.#indexes.set(key, index);
    this.#ownRows.push(NONE);
    return index;
  }

  #validatorAt(index: number): OpenedValidator {
    this.#groups ??= this.#groupShares();
    const { starts, rows } = this.#groups;
    const ownRow = this.#ownRows[index] ?? NONE;
    const shares = Array.from(rows.subarray(starts[index], starts[index + 1]), row => ({
      place: this.#pageOf(row)?.places[row % this.#pageLength] ?? 0,
      secretKey: this.#secretKeyOf(row),
    }));
    return {
      hasOwnRow: ownRow !== NONE,
      secretKey: ownRow === NONE ? undefined : this.#secretKeyOf(ownRow),
      shares: shares.sort((a, b) => a.place - b.place),
    };
  }

  #pageOf(row: number): Page | undefined {
    return this.#pages[Math.floor(row / this.#pageLength)];
  }

  #secretKeyOf(row: number): Uint8Array | undefined {
    const page = this.#pageOf(row);
    const index = row % this.#pageLength;
    if (page === undefined || page.refused.has(index)) return undefined;
    return page.secretKeys.subarray(SECRET_KEY_LENGTH * index, SECRET_KEY_LENGTH * (index + 1));
  }

  /** The shares' rows, those of each validator behind one another: validator i has those from `starts[i]` to `starts[i + 1]`. */
  #groupShares(): { starts: Uint32Array; rows: Uint32Array } {
    const starts = new Uint32Array(this.#indexes.size + 1);
    for (const { parents } of this.#pages)
      for (const parent of parents) if (parent !== NONE) starts[parent + 1] = (starts[parent + 1] ?? 0) + 1;
    for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0);
    const next = starts.slice();
    const rows = new Uint32Array(starts.at(-1) ?? 0);
    let row = 0;
    for (const { parents } of this.#pages) {
      for (const parent of parents) {
        if (parent !== NONE) {
          const place = next[parent] ?? 0;
          rows[place] = row;
          next[parent] = place + 1;
        }
        row += 1;
      }
    }
    return { starts, rows };
  }
}

function latin1Of(publicKey: Uint8Array): string {
  return Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('latin1');
}
