import { GrowingBytes } from './growing-bytes.ts';

/** Texts in the order in which they come, as one byte string: as strings, paths of a hundred thousand files take three times as much. */
export class TextList {
  readonly #bytes = new GrowingBytes();
  #ends = new Uint32Array(16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param text - without half a character, such as one that was decoded from UTF-8 */
  push(text: string): void {
    this.#bytes.append(Buffer.from(text));
    if (this.#length === this.#ends.length) {
      const larger = new Uint32Array(2 * this.#ends.length);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    this.#ends[this.#length] = this.#bytes.length;
    this.#length += 1;
  }

  /** The text at a place; undefined when there is none. */
  at(place: number): string | undefined {
    if (place < 0 || place >= this.#length) return undefined;
    const { buffer, byteOffset, byteLength } = this.#bytes.subarray(
      this.#ends[place - 1] ?? 0,
      this.#ends[place],
    );
    return Buffer.from(buffer, byteOffset, byteLength).toString();
  }
}
