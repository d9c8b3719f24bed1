import { type Hex, toHex } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';

// By their form, wherever they stand: files of other generators, with other templates, or cut off in the middle tell what
// they tell.

/** Keys that a file of Lighthouse, Teku or Prysm names. */
export const CLIENT_KEYS = /(?<![0-9a-zA-Z])0x([0-9a-fA-F]{96})(?![0-9a-zA-Z])/g;
/** Validators that a `remote_signer_config.json` names. */
export const CONFIGURED_KEYS = /"0x([0-9a-fA-F]{96})"\s*:/g;
/** Validators that a `deposit_data.json` names. */
export const DEPOSIT_KEYS = /"pubkey"\s*:\s*"(?:0x)?([0-9a-fA-F]{96})"/g;

/** What is kept of one piece for the next: more than any of the forms takes, unless somebody puts a kilobyte of spaces into it. */
const OVERLAP = 1024;

/** Finds the keys of a text that comes in pieces; none in a text that has none. */
export class KeyFinder {
  readonly #form: RegExp;
  readonly #found = new RecordTable(PUBLIC_KEY_LENGTH);
  #rest = '';
  #isFirst = true;

  /** @param form - {@link CLIENT_KEYS}, {@link CONFIGURED_KEYS} or {@link DEPOSIT_KEYS} */
  constructor(form: RegExp) {
    this.#form = form;
  }

  add(piece: string): void {
    this.#rest += piece;
    const end = this.#find(false);
    const from = Math.max(end, this.#rest.length - OVERLAP) - 1;
    if (from <= 0) return;
    this.#rest = this.#rest.slice(from);
    this.#isFirst = false;
  }

  /** @returns the keys in the order in which they stand there first */
  end(): RecordTable {
    this.#find(true);
    this.#rest = '';
    return this.#found;
  }

  /** @returns where the last key ends, 0 without one */
  #find(isLast: boolean): number {
    let end = 0;
    for (const match of this.#rest.matchAll(this.#form)) {
      // What stands before the rest, or behind it, decides as well. One that begins the rest was decided on with what stood before.
      if (match.index === 0 && !this.#isFirst) continue;
      const behind = match.index + match[0].length;
      if (behind === this.#rest.length && !isLast) continue;
      this.#found.add(Buffer.from(match[1] ?? '', 'hex'));
      end = behind;
    }
    return end;
  }
}

/** Keys that are there and not wanted any more. */
export function findRemoved(present: RecordTable, wanted: Iterable<Uint8Array>): Hex[] {
  if (present.length === 0) return [];
  const isWanted = new Uint8Array(present.length);
  for (const publicKey of wanted) {
    const place = present.placeOf(publicKey);
    if (place !== undefined) isWanted[place] = 1;
  }
  const removed: Hex[] = [];
  for (const [place, wantedHere] of isWanted.entries())
    if (!wantedHere) removed.push(toHex(present.at(place)));
  return removed;
}
