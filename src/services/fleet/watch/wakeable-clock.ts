/** Time as a loop sees it. */
interface LoopClock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Ends early, without an error, when the signal is aborted. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}

/** However often it is woken, a sleep lasts so long at least: whoever may notify could else have it run without a pause. */
const LEAST_MS = 1_000;

/** A clock whose sleep can be ended by something that happens meanwhile, or that has happened since the last sleep. */
export class WakeableClock implements LoopClock {
  readonly #base: LoopClock;
  #woken = new AbortController();

  constructor(base: LoopClock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now();
  }

  wake(): void {
    this.#woken.abort();
  }

  async sleep(durationMs: number, signal: AbortSignal): Promise<void> {
    await this.#base.sleep(Math.min(durationMs, LEAST_MS), signal);
    const woken = this.#woken;
    const stop = () => woken.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    await this.#base.sleep(Math.max(durationMs - LEAST_MS, 0), woken.signal);
    signal.removeEventListener('abort', stop);
    this.#woken = new AbortController();
  }
}
