import type { BeaconValidator } from '../../../clients/beacon/beacon-node.ts';
import type { RotationBatch } from './rotation-batch.ts';

/** Makes the batches of some validators; ends early, and leaves nothing behind, when the signal is aborted. */
type MakeBatches = (
  validators: readonly BeaconValidator[],
  signal: AbortSignal,
) => Promise<readonly RotationBatch[]>;

/**
 * The batches of one pass, in order. The next ones are made ahead, while the transaction of the last waits for its block:
 * signatures and encryption take no part in that. What was made ahead belongs to the pass, and is dropped with it.
 */
export class RotationBatches implements Disposable {
  readonly #groups: (readonly BeaconValidator[])[] = [];
  readonly #make: MakeBatches;
  readonly #end = new AbortController();
  #made: RotationBatch[] = [];
  #ahead: Promise<readonly RotationBatch[]> | undefined;

  /** @param limit - most validators of a batch */
  constructor(validators: readonly BeaconValidator[], limit: number, make: MakeBatches) {
    for (let from = 0; from < validators.length; from += limit) {
      this.#groups.push(validators.slice(from, from + limit));
    }
    this.#make = make;
  }

  /** The next batch, made by now or then; undefined after the last. @throws what making it has failed with, then or ahead */
  async next(): Promise<RotationBatch | undefined> {
    while (this.#made.length === 0) {
      const making = this.#ahead ?? this.#begin();
      this.#ahead = undefined;
      if (making === undefined) return undefined;
      this.#made = [...(await making)];
    }
    return this.#made.shift();
  }

  /** Begins to make the next batches, unless one is there; what comes of it is told by `next`. */
  prepare(): void {
    if (this.#made.length === 0) this.#ahead ??= this.#begin();
    // Whoever drops what was made ahead does not want to know that it failed either.
    this.#ahead?.catch(() => undefined);
  }

  /** Drops what was made ahead, and ends what is still being made. */
  [Symbol.dispose](): void {
    this.#end.abort();
    this.#made = [];
    this.#ahead = undefined;
  }

  #begin(): Promise<readonly RotationBatch[]> | undefined {
    const group = this.#groups.shift();
    return group === undefined ? undefined : this.#make(group, this.#end.signal);
  }
}
