import { toHex } from '../../lib/bytes.ts';
import type { Logger } from '../../lib/logger.ts';
import { countOf } from '../../lib/plural.ts';
import { formatEther } from '../../lib/units.ts';

export interface OutlookDeps {
  readonly log: Pick<Logger, 'info'>;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

export interface OutlookOptions {
  readonly currency: string;
  /** What the vault's assets lose to one validator. */
  readonly assetsPerValidatorWei: bigint;
}

/** How often an operator that waits says so. */
const EVERY_MS = 3_600_000;

/**
 * What an operator that waits tells of in one line, when it has started and every hour: what there is to stake, the next key,
 * and what is waited for. Its tasks tell it what they find.
 */
export class Outlook {
  readonly #deps: OutlookDeps;
  readonly #options: OutlookOptions;
  #keys: { readonly count: number; readonly next: Uint8Array | undefined } | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(deps: OutlookDeps, options: OutlookOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Public keys that can be registered, 48 bytes each, in the order of the deposit data. */
  keysCounted(unused: readonly Uint8Array[]): void {
    this.#keys = { count: unused.length, next: unused[0] };
  }

  /** A pass of the registration has ended; `waitsFor` is undefined where it has registered something. */
  passEnded(stakeableWei: bigint, waitsFor: string | undefined): void {
    const nowMs = this.#deps.now();
    // Before the keys were counted there is half of it to tell.
    if (waitsFor === undefined || this.#keys === undefined || nowMs - this.#toldMs < EVERY_MS) return;
    this.#toldMs = nowMs;
    const { currency, assetsPerValidatorWei } = this.#options;
    const { count, next } = this.#keys;
    const stakeable = formatEther(stakeableWei, currency);
    const needed = formatEther(assetsPerValidatorWei, currency);
    const keys = `${countOf(count, 'unused key')}${next === undefined ? '' : `, the next one ${toHex(next)}`}`;
    this.#deps.log.info(
      `Stakeable: ${stakeable}, a validator takes ${needed}; ${keys}; waits for ${waitsFor}`,
    );
  }
}
