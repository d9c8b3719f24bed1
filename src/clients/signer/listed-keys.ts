import { GrowingBytes } from '../../lib/growing-bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
/** Values of hex digits by their character; 255 for any other. */
const DIGITS = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

/** What may come next in the text. */
type Place = 'begin' | 'first' | 'next' | 'key' | 'after' | 'end';

/**
 * Reads a JSON list of public keys piece by piece as it comes: of 1,200,000 keys the text has 120 MB, and as strings they would
 * take 150 MB more.
 */
export class ListedKeys {
  readonly #keys = new GrowingBytes(PUBLIC_KEY_LENGTH * 1_024);
  readonly #key = new Uint8Array(PUBLIC_KEY_LENGTH);
  #place: Place = 'begin';
  /** Digits of the key that is being read, "0x" left out. */
  #digits = 0;
  /** Whether the key began with 0x. */
  #isPrefixed = false;
  #isBroken = false;

  /** Takes a further piece of the text. */
  add(piece: Uint8Array): void {
    for (let at = 0; at < piece.length && !this.#isBroken; at++) {
      const end = this.#place === 'key' && this.#digits === 0 ? this.#readWholeKey(piece, at) : undefined;
      if (end === undefined) this.#read(piece[at] ?? 0);
      else at = end;
    }
  }

  /**
   * Reads a key that begins at a place of this piece and ends within it, as nearly all do: digit by digit they take ten times as long.
   * @returns the place of the quote behind it; undefined when it is to be read digit by digit, for whatever reason
   */
  #readWholeKey(piece: Uint8Array, at: number): number | undefined {
    const isPrefixed = piece[at] === 0x30 && piece[at + 1] === 0x78;
    if (isPrefixed && this.#isPrefixed) return undefined;
    const from = isPrefixed ? at + 2 : at;
    const end = from + 2 * PUBLIC_KEY_LENGTH;
    if (piece[end] !== QUOTE) return undefined;
    let wrong = 0;
    for (let byte = 0; byte < PUBLIC_KEY_LENGTH; byte++) {
      const high = DIGITS[piece[from + 2 * byte] ?? 0] ?? 255;
      const low = DIGITS[piece[from + 2 * byte + 1] ?? 0] ?? 255;
      wrong |= high | low;
      this.#key[byte] = (high << 4) | low;
    }
    if (wrong > 15) return undefined;
    this.#keys.append(this.#key);
    this.#isPrefixed = false;
    this.#place = 'after';
    return end;
  }

  /** The keys one after another, in the order of the list; undefined when the text is no list of public keys. */
  end(): Uint8Array | undefined {
    return this.#isBroken || this.#place !== 'end' ? undefined : this.#keys.subarray();
  }

  #read(code: number): void {
    if (this.#place === 'key') {
      this.#readKey(code);
      return;
    }
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) return;
    const next = placeAfter(this.#place, code);
    if (next === undefined) this.#isBroken = true;
    else this.#place = next;
  }

  #readKey(code: number): void {
    const digits = this.#digits;
    if (digits === 2 * PUBLIC_KEY_LENGTH) {
      if (code !== QUOTE) this.#isBroken = true;
      this.#keys.append(this.#key);
      this.#digits = 0;
      this.#isPrefixed = false;
      this.#place = 'after';
      return;
    }
    const digit = DIGITS[code] ?? 255;
    if (digit === 255) {
      // The x of 0x: the zero before it is no digit of the key.
      const isPrefix = code === 0x78 && digits === 1 && this.#key[0] === 0 && !this.#isPrefixed;
      if (isPrefix) {
        this.#digits = 0;
        this.#isPrefixed = true;
      } else this.#isBroken = true;
      return;
    }
    const byte = digits >> 1;
    this.#key[byte] = digits % 2 === 0 ? digit << 4 : (this.#key[byte] ?? 0) | digit;
    this.#digits = digits + 1;
  }
}

function placeAfter(place: Place, code: number): Place | undefined {
  switch (place) {
    case 'begin':
      return code === OPEN ? 'first' : undefined;
    case 'first':
      if (code === CLOSE) return 'end';
      return code === QUOTE ? 'key' : undefined;
    case 'next':
      return code === QUOTE ? 'key' : undefined;
    case 'after':
      if (code === COMMA) return 'next';
      return code === CLOSE ? 'end' : undefined;
    default:
      return undefined;
  }
}
