import { setTimeout as sleep } from 'node:timers/promises';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';

export interface WaitOutOptions {
  /** Is told what is waited for, and undefined when that is over. */
  readonly onWait: (what: string | undefined) => void;
  readonly signal: AbortSignal;
}

const MIN_WAIT_MS = 500;
const MAX_WAIT_MS = 15_000;
/** How often an outage that has not changed is said again. */
const REPEAT_MS = 60_000;

/**
 * Repeats a step until it succeeds: an outage is waited out, with growing pauses; any other failure ends it.
 * @throws what the step threw; the signal's reason
 */
export async function waitOut<T>(
  log: Pick<Logger, 'warn'>,
  { onWait, signal }: WaitOutOptions,
  step: () => Promise<T>,
): Promise<T> {
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
      if (message !== told || performance.now() - toldAt >= REPEAT_MS) {
        log.warn(`${message} Waiting.`);
        told = message;
        toldAt = performance.now();
      }
      await sleep(waitMs, undefined, { signal });
    }
  }
}

/** Does a step and passes over an outage; any other failure is thrown. */
export async function passOver(log: Pick<Logger, 'warn'>, step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!isOutage(error)) throw error;
    log.warn(`${messageOf(error)} Not waited for.`);
  }
}

/** Whether an error may be over by itself later. */
export function isOutage(error: unknown): boolean {
  return error instanceof ExternalError && error.retryable;
}
