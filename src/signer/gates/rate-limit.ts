import type { RateLimit } from '../../settings/signer-settings.ts';
import { Refusal } from '../http/refusal.ts';

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

/** Takes one signature's allowance where there is a limit. @throws Refusal that says when there is one again */
export function requireRate(limiter: RateLimiter | undefined): void {
  const answer = limiter?.() ?? { allowed: true };
  if (answer.allowed) return;
  throw new Refusal(429, 'The rate limit of this signer is reached.', {
    told: true,
    headers: { 'retry-after': String(Math.ceil(answer.retryAfterMs / 1000)) },
  });
}
