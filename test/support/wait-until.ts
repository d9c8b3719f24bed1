import { setTimeout as sleep } from 'node:timers/promises';

/** How long a test waits for what has to come: enough on a machine where ten others are at work. */
export const PATIENCE_MS = 120_000;

export interface WaitOptions {
  readonly timeoutMs?: number | undefined;
  readonly everyMs?: number | undefined;
  /** What there is to see when it does not come: a log, a row, an answer. Default: what `look` gave last. */
  readonly lastSeen?: (() => unknown) | undefined;
}

/**
 * Looks again and again, until there is something to see.
 * @param what - completes "waited for"
 * @param look - gives what is waited for; a false value as long as it is not there
 * @returns what `look` gave
 * @throws Error that says what was waited for, how long, and what was seen last
 */
export async function waitUntil<T>(
  what: string,
  look: () => T | Promise<T>,
  { timeoutMs = PATIENCE_MS, everyMs = 20, lastSeen }: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const began = performance.now();
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false)
      return seen as Exclude<T, undefined | null | false>;
    if (performance.now() - began > timeoutMs) {
      throw new Error(
        `waited ${timeoutMs} ms for ${what}; last seen: ${show(lastSeen === undefined ? seen : lastSeen())}`,
      );
    }
    await sleep(everyMs);
  }
}

/** The end of a long text, which is where it stopped. */
function show(seen: unknown): string {
  const text = typeof seen === 'string' ? `\n${seen}` : (JSON.stringify(seen) ?? String(seen));
  return text.length > 4000 ? `…${text.slice(-4000)}` : text;
}
