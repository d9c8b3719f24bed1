import pRetry from 'p-retry';
import { ExternalError } from './errors.ts';

export interface RetryOptions {
  /** How long new attempts are begun; an attempt that runs is never cut short by this. */
  readonly timeoutMs: number;
  /** Number of attempts after the first; unbounded within the time when left out. */
  readonly retries?: number | undefined;
  /** Pause before the second attempt; it doubles from one attempt to the next. */
  readonly minDelayMs?: number | undefined;
  readonly maxDelayMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Is told of every failure that will be followed by another attempt; new ones are begun for `leftMs` from now on. */
  readonly onRetry?: ((error: unknown, delayMs: number, leftMs: number) => void) | undefined;
  /** Bounds the time after an error that it is of no use to wait long for; undefined for any other. */
  readonly limitMsOf?: ((error: unknown) => number | undefined) | undefined;
  /** Default: external errors that call themselves retryable. */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
}

/**
 * Repeats a step that may succeed later, with growing and randomized pauses, until it succeeds, fails for good or the
 * time is over. Only for steps that may be done twice.
 * @throws the last error of the step, or the signal's reason
 */
export function retry<T>(step: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const isRetryable = options.isRetryable ?? isRetryableError;
  const begunMs = performance.now();
  return pRetry(step, {
    retries: options.retries ?? Number.POSITIVE_INFINITY,
    minTimeout: options.minDelayMs ?? 250,
    maxTimeout: options.maxDelayMs ?? 10_000,
    randomize: true,
    maxRetryTime: options.timeoutMs,
    signal: options.signal,
    shouldRetry: ({ error, retryDelay }) => {
      if (!isRetryable(error)) return false;
      const limitMs = options.limitMsOf?.(error);
      const tookMs = performance.now() - begunMs;
      if (limitMs !== undefined && tookMs + retryDelay > limitMs) return false;
      options.onRetry?.(
        error,
        retryDelay,
        Math.min(options.timeoutMs, limitMs ?? options.timeoutMs) - tookMs,
      );
      return true;
    },
  });
}

function isRetryableError(error: unknown): boolean {
  return error instanceof ExternalError && error.retryable;
}
