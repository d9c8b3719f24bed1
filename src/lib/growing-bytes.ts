/** So many bytes and more grow where they are. Fewer are copied sooner than the system is asked for room. */
const GROWS_IN_PLACE = 1024 * 1024;
/** How many times its size such an array may become without being copied. What is not used is no memory, but addresses only. */
const RESERVE = 16;

/**
 * Bytes that are added to at their end. Twice as long an array is taken when a small one is full. A large one grows in place,
 * by an eighth: to copy it would leave holes in the memory of the process that together are as large as it.
 */
export class GrowingBytes {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  append(piece: Uint8Array): void {
    const end = this.#length + piece.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(piece, this.#length);
    this.#length = end;
  }

  /** A view of what has been added so far. */
  subarray(from = 0, to = this.#length): Uint8Array {
    return this.#bytes.subarray(from, Math.min(to, this.#length));
  }

  /** Whether these bytes stand there from a place on. No view is made: among a million keys that is most of what a look-up takes. */
  hasAt(from: number, piece: Uint8Array): boolean {
    if (from + piece.length > this.#length) return false;
    for (let i = 0; i < piece.length; i++) if (this.#bytes[from + i] !== piece[i]) return false;
    return true;
  }

  /** Lets go of what stands behind the first so many bytes; views of it are to be used no longer. */
  truncate(length: number): void {
    this.#length = Math.min(length, this.#length);
    const { buffer } = this.#bytes;
    if (buffer.resizable) buffer.resize(this.#length);
    else this.#bytes = this.#bytes.slice(0, this.#length);
  }

  #grow(end: number): void {
    const { buffer, length } = this.#bytes;
    const wanted = Math.max(end, length < GROWS_IN_PLACE ? 2 * length : length + (length >>> 3));
    if (buffer.resizable && wanted <= buffer.maxByteLength) {
      // The array is as long as its buffer at any time.
      buffer.resize(wanted);
      return;
    }
    const larger =
      wanted < GROWS_IN_PLACE
        ? new Uint8Array(wanted)
        : new Uint8Array(new ArrayBuffer(wanted, { maxByteLength: RESERVE * wanted }));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
