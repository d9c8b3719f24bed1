import { messageOf } from '../lib/errors.ts';
import { retry } from '../lib/retry.ts';
import { formatDuration } from '../lib/time-left.ts';
import { ConnectError, mayAcceptLater } from './errors.ts';

export interface WaitForServerOptions {
  /** How long attempts are begun, in milliseconds. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Is told in a line that the server is waited for, and why. */
  readonly tell: (line: string) => void;
}

/** Whoever waits at a terminal is told within a second, also where nothing has been refused yet. */
const TELL_AFTER_MS = 750;
/** How often the same reason is told again. */
const REPEAT_MS = 15_000;
const MIN_DELAY_MS = 250;
const MAX_DELAY_MS = 2_000;
/** The least that the last attempt is given. */
const MIN_ATTEMPT_MS = 1_000;

/**
 * Connects to a database server as soon as it accepts connections, on a clock that never goes back. Only that is waited for: see
 * {@link mayAcceptLater}.
 * @param connect - one attempt, which may take as many milliseconds as it is given
 * @throws the error of the last attempt
 */
export async function waitForServer<T>(
  connect: (attemptMs: number) => Promise<T>,
  { waitMs, signal, tell }: WaitForServerOptions,
): Promise<T> {
  const begunMs = performance.now();
  const leftMs = () => waitMs - (performance.now() - begunMs);
  let told: { readonly reason: string; readonly atMs: number } | undefined;
  const tellOf = (reason: string) => {
    const atMs = performance.now();
    if (told?.reason === reason && atMs - told.atMs < REPEAT_MS) return;
    told = { reason, atMs };
    tell(`The database does not accept connections yet: ${reason}. Trying for ${formatDuration(leftMs())}.`);
  };
  const slow = setTimeout(() => tellOf('no answer'), TELL_AFTER_MS);
  try {
    return await retry(() => connect(Math.max(MIN_ATTEMPT_MS, leftMs())), {
      timeoutMs: waitMs,
      signal,
      minDelayMs: MIN_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      isRetryable: mayAcceptLater,
      onRetry(error) {
        clearTimeout(slow);
        tellOf(error instanceof ConnectError ? error.reason : messageOf(error));
      },
    });
  } finally {
    clearTimeout(slow);
  }
}
