import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { countOf } from '../lib/plural.ts';

/** How many validators can still be registered, and for how long that is enough. */
export interface ValidatorKeys {
  readonly unused: number;
  /** Days at the recent inflow; null when nothing has come in of late, or it is not known. */
  readonly enoughForDays: number | null;
}

export interface KeySupplyDeps {
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** How many validators the vault has registered in the last {@link RECENT_DAYS} days. */
  readonly countRecent: () => Promise<number>;
  readonly show: (keys: ValidatorKeys) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** Days whose registrations tell how fast keys are used. */
export const RECENT_DAYS = 7;
const DAY_MS = 86_400_000;
/** Somebody should make keys when they are enough for less time than that. */
const SCARCE_DAYS = 7;

/** Says at the start, and once a day, how many validator keys are left, and for how long at the recent inflow. */
export class KeySupply {
  readonly #deps: KeySupplyDeps;
  #recent: { readonly count: number | undefined; readonly at: number } | undefined;

  constructor(deps: KeySupplyDeps) {
    this.#deps = deps;
  }

  /**
   * Is told how many keys no deposit has used, whenever they were counted.
   * @param missing - how many more there are that the signer does not have, or of which it has shares only
   */
  async keysCounted(unused: number, missing = 0): Promise<void> {
    const { log, show, now } = this.#deps;
    const isDue = this.#recent === undefined || now() - this.#recent.at >= DAY_MS;
    if (isDue) this.#recent = { count: await this.#countRecent(), at: now() };
    const count = this.#recent?.count;
    const enoughForDays = count ? Math.floor((unused * RECENT_DAYS) / count) : null;
    show({ unused, enoughForDays });
    if (!isDue) return;
    const isScarce = unused === 0 || (enoughForDays !== null && enoughForDays < SCARCE_DAYS);
    log[isScarce ? 'warn' : 'info'](describe({ unused, enoughForDays }, count));
    if (missing === 0) return;
    log.warn(
      `The signer does not have the whole keys of ${countOf(missing, 'further validator')}: it cannot sign their deposits, which shares of keys cannot`,
    );
  }

  /** What a node does not tell is no reason to stop. */
  async #countRecent(): Promise<number | undefined> {
    try {
      return await this.#deps.countRecent();
    } catch (error) {
      this.#deps.log.warn(`It is not known how fast validator keys are used: ${messageOf(error)}`);
      return undefined;
    }
  }
}

function describe({ unused, enoughForDays }: ValidatorKeys, count: number | undefined): string {
  const left = `${countOf(unused, 'unused validator key')} left`;
  if (count === undefined) return left;
  const recent = `${countOf(count, 'validator')} registered in the last ${RECENT_DAYS} days`;
  return enoughForDays === null
    ? `${left}; ${recent}`
    : `${left}, enough for ${countOf(enoughForDays, 'day')} at the recent inflow: ${recent}`;
}
