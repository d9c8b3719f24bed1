const HEX_DIGITS = new TextEncoder().encode('0123456789abcdef');

/** ASCII text of a known length, written piece by piece as the bytes of a file: as one string it would be held three times. */
export class AsciiBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  #offset = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  /** Appends a text. @throws RangeError for one that does not fit */
  text(text: string): this {
    const { read, written } = new TextEncoder().encodeInto(text, this.bytes.subarray(this.#offset));
    if (read !== text.length || written !== text.length) throw new RangeError('no ASCII text of that length');
    this.#offset += written;
    return this;
  }

  /** Appends the hex digits of bytes, without 0x. @throws RangeError for more than fit */
  hex(bytes: Uint8Array): this {
    const { bytes: target } = this;
    let offset = this.#offset;
    if (offset + 2 * bytes.length > target.length) throw new RangeError('no place for that many digits');
    for (const byte of bytes) {
      target[offset++] = HEX_DIGITS[byte >> 4] as number;
      target[offset++] = HEX_DIGITS[byte & 15] as number;
    }
    this.#offset = offset;
    return this;
  }
}
