import type { RateLimit } from '../../settings/signer-settings.ts';

/** Takes one signature's allowance. */
export type RateLimiter = () =>
  | { readonly allowed: true }
  | { readonly allowed: false; readonly retryAfterMs: number };

/** A token bucket on a clock that never jumps. */
export function createRateLimiter(
  { count, perMs }: RateLimit,
  now: () => number = () => performance.now(),
): RateLimiter {
  let available = count;
  let refilledAt = now();
  return () => {
    const time = now();
    available = Math.min(count, available + ((time - refilledAt) * count) / perMs);
    refilledAt = time;
    if (available < 1) return { allowed: false, retryAfterMs: ((1 - available) * perMs) / count };
    available -= 1;
    return { allowed: true };
  };
}
