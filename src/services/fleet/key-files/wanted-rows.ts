import type { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { VisibleRows } from '../../remote-db/visible-rows.ts';

/**
 * The visible rows of a vault, of which signers are given those whose validators are not retired. All of them stay sealed in the
 * database, and all are proven by the manifest.
 */
export class WantedRows {
  readonly rows: VisibleRows;
  /** `RetiredKeys.digest` of the keys that were taken out; null when there are none. */
  readonly retiredDigest: Uint8Array | null;
  /** Validators that are retired and in the rows, and all their visible shares. */
  readonly retired = new RecordTable(PUBLIC_KEY_LENGTH);
  readonly retiredValidators: number;
  readonly #isLeftOut: Uint8Array;

  /** Looks at whose shares the rows are, so they have to have what is sealed still. */
  constructor(rows: VisibleRows, retired: RetiredKeys) {
    this.rows = rows;
    this.retiredDigest = retired.digest();
    this.#isLeftOut = new Uint8Array(rows.length);
    let validators = 0;
    for (let place = 0; retired.length > 0 && place < rows.length; place++) {
      if (!retired.isTakenFrom('signers', rows.validatorKeyAt(place))) continue;
      this.#isLeftOut[place] = 1;
      this.retired.add(rows.publicKeyAt(place));
      if (!rows.isShareAt(place)) validators += 1;
    }
    this.retiredValidators = validators;
  }

  /** How many keys and shares signers are given. */
  get length(): number {
    return this.rows.length - this.retired.length;
  }

  /** Whether signers are given the key of a row, by its place. */
  isWanted(place: number): boolean {
    return this.#isLeftOut[place] === 0;
  }

  /** The keys and shares that signers are given. */
  *publicKeys(): Generator<Uint8Array, void, undefined> {
    for (let place = 0; place < this.rows.length; place++)
      if (this.isWanted(place)) yield this.rows.publicKeyAt(place);
  }

  /** The validators whose keys signers are given. */
  *validators(): Generator<Uint8Array, void, undefined> {
    for (let place = 0; place < this.rows.length; place++)
      if (this.isWanted(place) && !this.rows.isShareAt(place)) yield this.rows.publicKeyAt(place);
  }
}
