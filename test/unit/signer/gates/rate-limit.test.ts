import { describe, expect, it } from 'vitest';
import { createRateLimiter } from '../../../../src/signer/gates/rate-limit.ts';

describe('createRateLimiter', () => {
  it('createRateLimiter lets a full allowance through, then as much as refills', () => {
    let time = 0;
    const take = createRateLimiter({ count: 3, perMs: 60_000 }, () => time);
    expect([take(), take(), take()].every(answer => answer.allowed)).toBe(true);
    expect(take()).toEqual({ allowed: false, retryAfterMs: 20_000 });
    time = 19_999;
    expect(take().allowed).toBe(false);
    time = 20_001;
    expect(take().allowed).toBe(true);
    expect(take().allowed).toBe(false);
  });

  it('createRateLimiter never saves up more than one allowance', () => {
    let time = 0;
    const take = createRateLimiter({ count: 2, perMs: 1_000 }, () => time);
    time = 3_600_000;
    expect([take(), take(), take()].map(answer => answer.allowed)).toEqual([true, true, false]);
  });
});
