import { setTimeout as sleep } from 'node:timers/promises';
import { ExternalError, messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

export interface WaitOutOptions {
  /** Told what is waited for; of nothing when it is over. */
  readonly onWait: (what: string | undefined) => void;
  /** Goes on without an answer instead of waiting. */
  readonly skipWaiting?: boolean;
  readonly signal: AbortSignal;
}

const MIN_WAIT_MS = 500;
const MAX_WAIT_MS = 15_000;
/** What has not changed is said again that often. */
const REPEAT_MS = 60_000;

/**
 * Repeats a step until it succeeds: an outage is waited out, with growing pauses; what no waiting mends ends it.
 * @returns what the step found; undefined when an outage was not waited out
 * @throws what the step threw; the signal's reason
 */
export async function waitOut<T>(
  log: Pick<Logger, 'warn'>,
  { onWait, skipWaiting = false, signal }: WaitOutOptions,
  step: () => Promise<T>,
): Promise<T | undefined> {
  let toldAt = Number.NEGATIVE_INFINITY;
  let told: string | undefined;
  for (let waitMs = MIN_WAIT_MS; ; waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)) {
    signal.throwIfAborted();
    try {
      const found = await step();
      if (told !== undefined) onWait(undefined);
      return found;
    } catch (error) {
      if (!isOutage(error)) throw error;
      const message = messageOf(error);
      onWait(message);
      if (skipWaiting) {
        log.warn(`${message} Not waited for.`);
        return undefined;
      }
      if (message !== told || performance.now() - toldAt >= REPEAT_MS) {
        log.warn(`${message} Waiting.`);
        [told, toldAt] = [message, performance.now()];
      }
      await sleep(waitMs, undefined, { signal });
    }
  }
}

/** Whether an error may be over by itself later. */
export function isOutage(error: unknown): boolean {
  return error instanceof ExternalError && error.retryable;
}
