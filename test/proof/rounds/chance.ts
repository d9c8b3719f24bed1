import { createHash } from 'node:crypto';

/** What happens by chance: the same for a seed. */
export class Chance {
  readonly #seed: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** A number from 0 to below 1. */
  next(): number {
    const digest = createHash('sha256')
      .update(`${this.#seed} ${this.#drawn++}`)
      .digest();
    return digest.readUIntBE(0, 6) / 2 ** 48;
  }

  /** Whether something of this probability happens. */
  is(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number of a range, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** An amount with an odd rest, so that no two are alike by accident. */
  gwei(leastEther: number, mostEther: number): bigint {
    return BigInt(this.between(leastEther * 1e9, mostEther * 1e9));
  }

  /** One of several; undefined when there is none. */
  one<T>(several: readonly T[]): T | undefined {
    return several[Math.floor(this.next() * several.length)];
  }

  /** One of several, each as often as its weight says. */
  weighted<T>(several: readonly (readonly [weight: number, one: T])[]): T {
    let left = this.next() * several.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, one] of several) {
      left -= weight;
      if (left < 0) return one;
    }
    throw new RangeError('nothing to choose from');
  }
}
