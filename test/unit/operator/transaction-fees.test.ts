import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseFees, raiseFees } from '../../../src/operator/transaction-fees.ts';

const GWEI = 1_000_000_000n;
const wei = fc.bigInt({ min: 0n, max: 1_000n * GWEI });
const fees = fc
  .tuple(wei, wei)
  .map(([a, b]) => ({ maxFeeWei: a > b ? a : b, maxPriorityFeeWei: a > b ? b : a }));

describe('chooseFees', () => {
  it('offers twice the base fee, below the ceiling', () => {
    const market = { baseFeePerGasWei: 10n * GWEI, priorityFeeWei: GWEI };
    expect(chooseFees(market, 100n * GWEI)).toEqual({ maxFeeWei: 21n * GWEI, maxPriorityFeeWei: GWEI });
    expect(chooseFees(market, 15n * GWEI)).toEqual({ maxFeeWei: 15n * GWEI, maxPriorityFeeWei: GWEI });
    expect(chooseFees(market, 10n * GWEI)).toBeUndefined();
    expect(chooseFees({ ...market, priorityFeeWei: 50n * GWEI }, 15n * GWEI)).toEqual({
      ...{ maxFeeWei: 15n * GWEI, maxPriorityFeeWei: 15n * GWEI },
    });
  });
});

describe('raiseFees', () => {
  it('is a tenth more of both, never above the ceiling, or nothing', () => {
    fc.assert(
      fc.property(fees, fc.option(fees, { nil: undefined }), wei, (current, wanted, ceiling) => {
        const raised = raiseFees(current, wanted, ceiling);
        if (raised === undefined) return;
        expect(raised.maxFeeWei).toBeLessThanOrEqual(ceiling);
        expect(raised.maxPriorityFeeWei).toBeLessThanOrEqual(raised.maxFeeWei);
        expect(10n * raised.maxFeeWei).toBeGreaterThanOrEqual(11n * current.maxFeeWei);
        expect(10n * raised.maxPriorityFeeWei).toBeGreaterThanOrEqual(11n * current.maxPriorityFeeWei);
      }),
    );
  });

  it('takes the last tenth that the ceiling leaves, and no less', () => {
    const current = { maxFeeWei: 100n * GWEI, maxPriorityFeeWei: GWEI };
    expect(raiseFees(current, undefined, 111n * GWEI)?.maxFeeWei).toBe(111n * GWEI);
    expect(raiseFees(current, undefined, 109n * GWEI)).toBeUndefined();
  });
});
