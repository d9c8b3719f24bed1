import { findDrift } from '../../../domain/fleet/drift/find-drift.ts';
import type { Observation } from '../../../domain/fleet/observation/observation.ts';
import type { PageContent } from './render-page.ts';

export interface LatestLookDeps {
  readonly observe: () => Promise<Observation>;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/**
 * The newest look at a fleet. However many ask for it, the fleet is looked at once at a time, and not again before the last look is
 * so old.
 */
export class LatestLook {
  readonly #deps: LatestLookDeps;
  readonly #maxAgeMs: number;
  #last: { readonly content: PageContent; readonly at: number } | undefined;
  #running: Promise<PageContent> | undefined;

  constructor(deps: LatestLookDeps, maxAgeMs: number) {
    this.#deps = deps;
    this.#maxAgeMs = maxAgeMs;
  }

  /** @throws what observing throws: settings that cannot be used, and bugs; a counterpart that is down is a part of the look */
  get(): Promise<PageContent> {
    if (this.#last !== undefined && this.#deps.now() - this.#last.at < this.#maxAgeMs)
      return Promise.resolve(this.#last.content);
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #look(): Promise<PageContent> {
    const observation = await this.#deps.observe();
    const content = { observation, differences: findDrift(observation) };
    this.#last = { content, at: this.#deps.now() };
    return content;
  }
}
