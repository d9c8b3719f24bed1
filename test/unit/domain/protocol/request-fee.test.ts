import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRequestQueue } from '../../../../src/domain/consensus/execution-requests.ts';
import { largestAffordableBatch, requestFeeWei } from '../../../../src/domain/protocol/request-fee.ts';

const anyKind = fc.constantFrom('withdrawal' as const, 'consolidation' as const);
const anyQueue = fc.record({
  excess: fc.bigInt({ min: 0n, max: 600n }),
  countInBlock: fc.bigInt({ min: 0n, max: 20n }),
});

describe('requestFeeWei', () => {
  it('no request is possible before the contract has begun, nor at a fee that has no room in 256 bits', () => {
    const inhibited = readRequestQueue([2n ** 256n - 1n, 0n, 0n, 0n]);
    expect(requestFeeWei('withdrawal', inhibited, 1)).toBeUndefined();
    expect(requestFeeWei('withdrawal', { excess: 2n ** 200n, countInBlock: 0n }, 1)).toBeUndefined();
    expect(requestFeeWei('consolidation', { excess: 3000n, countInBlock: 0n }, 1)).toBeLessThan(2n ** 256n);
  });

  it('about 470 withdrawals in one block cost 1,000 gwei each', () => {
    const queue = { excess: 0n, countInBlock: 0n };
    const maxFeeWei = 1000n * 1_000_000_000n;
    const count = largestAffordableBatch('withdrawal', queue, { maxFeeWei, maxCount: 10_000 });
    expect(count).toBeGreaterThan(440);
    expect(count).toBeLessThan(480);
  });
});

describe('largestAffordableBatch', () => {
  it('one request more would cost too much, or is not wanted', () => {
    fc.assert(
      fc.property(
        anyKind,
        anyQueue,
        fc.bigInt({ min: 0n, max: 10n ** 13n }),
        fc.integer({ min: 0, max: 200 }),
        (kind, queue, maxFeeWei, maxCount) => {
          const count = largestAffordableBatch(kind, queue, { maxFeeWei, maxCount });
          expect(count).toBeLessThanOrEqual(maxCount);
          const feeOf = (requests: number) => requestFeeWei(kind, queue, requests) ?? 2n ** 256n;
          if (count > 0) expect(feeOf(count) <= maxFeeWei).toBe(true);
          if (count < maxCount) expect(feeOf(count + 1) > maxFeeWei).toBe(true);
        },
      ),
      { seed: 15, numRuns: 2000 },
    );
  });

  it('nothing is affordable while no request is possible', () => {
    const queue = { excess: undefined, countInBlock: 0n };
    expect(largestAffordableBatch('withdrawal', queue, { maxFeeWei: 10n ** 30n, maxCount: 5 })).toBe(0);
  });
});
