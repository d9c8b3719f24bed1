import { createHash } from 'node:crypto';
import { type DepositDataEntry, formatDepositData } from './deposit-data.ts';

/**
 * The text of deposit data in UTF-8, byte for byte as `formatDepositData` writes it. It need not be there as a whole: that of
 * 150,000 validators has 105 MB.
 */
export interface DepositText {
  /** Number of bytes. */
  readonly length: number;
  /** SHA-256 over the text. */
  readonly digest: Uint8Array;
  /** The text from its beginning, in pieces each of which is whole text. Can be asked for again. */
  readonly pieces: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Writes the text of entries that come some at a time. */
export class DepositTextWriter {
  #isBegun = false;

  /** @param entries - one or more. @returns the text up to the end of the last one */
  add(entries: readonly DepositDataEntry[]): Uint8Array {
    // The list's own brackets stand around all pieces.
    const text = formatDepositData(entries).slice(1, -1);
    const piece = Buffer.from(this.#isBegun ? `, ${text}` : `[${text}`);
    this.#isBegun = true;
    return piece;
  }

  /** @returns the end of the text */
  end(): Uint8Array {
    return Buffer.from(this.#isBegun ? ']' : '[]');
  }
}

/** The text that is there whole. @param pieces - of the text in UTF-8, each of them whole text */
export function depositTextOf(pieces: readonly Uint8Array[]): DepositText {
  const hash = createHash('sha256');
  let length = 0;
  for (const piece of pieces) {
    hash.update(piece);
    length += piece.length;
  }
  return { length, digest: new Uint8Array(hash.digest()), pieces: () => pieces };
}
