import { StringDecoder } from 'node:string_decoder';
import { OperatorError } from '../../lib/errors.ts';
import { type DepositDataEntry, parseDepositData } from './deposit-data.ts';

/** Length of text without a place to cut it in that is no list of deposits. */
const MAX_REST = 8 * 1024 * 1024;

/**
 * Reads the text of deposit data, in UTF-8, that comes in pieces, none of which need be whole text, and gives its entries as they come: all of them as objects would take
 * half a gigabyte for 150,000 validators. The text is cut behind entries, and what is between two cuts is parsed as a list of
 * its own: when each of them is one, so is the whole, and of the same entries. Text that cannot be cut so may be deposit data
 * all the same, written in an unusual way: `parseDepositData` knows, and what is wrong where.
 */
export class DepositPieces {
  readonly #take: (entries: readonly DepositDataEntry[]) => void;
  readonly #decoder = new StringDecoder('utf8');
  /** What is not parsed yet, without the bracket or comma before it. */
  #rest = '';
  #isBegun = false;
  #isEmpty = true;

  /** @param take - is given all entries in their order, some at a time */
  constructor(take: (entries: readonly DepositDataEntry[]) => void) {
    this.#take = take;
  }

  /** @returns whether it can be read so far; then nothing more is to be added */
  add(piece: Uint8Array): boolean {
    const { buffer, byteOffset, byteLength } = piece;
    return this.#addText(this.#decoder.write(Buffer.from(buffer, byteOffset, byteLength)));
  }

  /** @returns whether all of it was a list of deposits */
  end(): boolean {
    if (!this.#addText(this.#decoder.end())) return false;
    const last = /^(.*)\][ \t\r\n]*$/s.exec(this.#rest)?.[1];
    if (!this.#isBegun || last === undefined) return false;
    return (this.#isEmpty && /^[ \t\r\n]*$/.test(last)) || this.#parse(last);
  }

  #addText(text: string): boolean {
    this.#rest += text;
    if (!this.#isBegun) {
      const begun = /^[ \t\r\n]*\[/.exec(this.#rest);
      if (begun === null) return this.#rest.length < MAX_REST && /^[ \t\r\n]*$/.test(this.#rest);
      this.#rest = this.#rest.slice(begun[0].length);
      this.#isBegun = true;
    }
    const end = this.#rest.lastIndexOf('}') + 1;
    const behind = /^[ \t\r\n]*,/.exec(this.#rest.slice(end));
    // The comma may come with the next piece, and the end of the list is for `end`.
    if (end === 0 || behind === null) return this.#rest.length < MAX_REST;
    if (!this.#parse(this.#rest.slice(0, end))) return false;
    this.#rest = this.#rest.slice(end + behind[0].length);
    return true;
  }

  #parse(text: string): boolean {
    try {
      const entries = parseDepositData(`[${text}]`);
      if (entries.length === 0) return false;
      this.#isEmpty = false;
      this.#take(entries);
      return true;
    } catch (error) {
      if (error instanceof OperatorError) return false;
      throw error;
    }
  }
}
