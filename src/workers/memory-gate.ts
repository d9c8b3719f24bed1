/** Lets work begin as long as what all of it takes fits into so much memory, in the order in which it comes. */
export class MemoryGate {
  readonly #totalBytes: number;
  readonly #waiting: { readonly bytes: number; readonly begin: () => void }[] = [];
  #freeBytes: number;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
    this.#freeBytes = totalBytes;
  }

  /** Does the work when there is room. What alone is larger than all of it is done by itself. */
  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(bytes, this.#totalBytes);
    await this.#enter(taken);
    try {
      return await work();
    } finally {
      this.#freeBytes += taken;
      this.#admit();
    }
  }

  #enter(bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ bytes, begin: resolve });
    this.#admit();
    return promise;
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || next.bytes > this.#freeBytes) return;
      this.#waiting.shift();
      this.#freeBytes -= next.bytes;
      next.begin();
    }
  }
}
