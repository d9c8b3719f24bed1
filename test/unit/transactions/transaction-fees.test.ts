import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import {
  chooseFees,
  feeCeilings,
  highPriorityFeeWei,
  raiseFees,
  withPriorityFee,
} from '../../../src/transactions/transaction-fees.ts';

const wei = fc.bigInt({ min: 0n, max: 1_000n * GWEI });
const fees = fc
  .tuple(wei, wei)
  .map(([a, b]) => ({ maxFeeWei: a > b ? a : b, maxPriorityFeeWei: a > b ? b : a }));

describe('chooseFees', () => {
  it('chooseFees offers twice the base fee plus the priority fee, up to the ceiling', () => {
    const market = { baseFeePerGasWei: 10n * GWEI, priorityFeeWei: GWEI };
    expect(chooseFees(market, 100n * GWEI)).toEqual({ maxFeeWei: 21n * GWEI, maxPriorityFeeWei: GWEI });
    expect(chooseFees(market, 15n * GWEI)).toEqual({ maxFeeWei: 15n * GWEI, maxPriorityFeeWei: GWEI });
    expect(chooseFees(market, 10n * GWEI)).toBeUndefined();
    expect(chooseFees({ ...market, priorityFeeWei: 50n * GWEI }, 15n * GWEI)).toEqual({
      maxFeeWei: 15n * GWEI,
      maxPriorityFeeWei: 15n * GWEI,
    });
  });
});

describe('highPriorityFeeWei', () => {
  it('a mean of just between two tenths of a gwei goes to the even one, and none is below what the network asks for', () => {
    const feeOf = (tenths: readonly number[], minWei = 0n) =>
      highPriorityFeeWei({
        rewardsWei: tenths.map(one => BigInt(Math.round(one * 100)) * (GWEI / 1000n)),
        advisedWei: 3n,
        minWei,
      });
    expect(feeOf([12.5, 12.5])).toBe(12n * (GWEI / 10n));
    expect(feeOf([13.5, 13.5])).toBe(14n * (GWEI / 10n));
    expect(feeOf([12.49, 12.52])).toBe(13n * (GWEI / 10n));
    expect(feeOf([9.87])).toBe(987n * (GWEI / 1000n));
    expect(feeOf([9.87], GWEI)).toBe(GWEI);
    expect([feeOf([]), feeOf([], GWEI)]).toEqual([3n, GWEI]);
  });
});

describe('withPriorityFee', () => {
  const account = {
    block: { number: 1, timestamp: 1n, baseFeePerGasWei: GWEI },
    priorityFeeWei: 7n,
    nonce: 0n,
    pendingNonce: 0n,
    balanceWei: 0n,
  };

  it('what others have paid counts more than the advice of the node, and the minimum of the network more than both', () => {
    const feeOf = (rewardsWei: readonly bigint[] | undefined, minWei?: bigint) =>
      withPriorityFee({ ...account, rewardsWei }, { minWei }).priorityFeeWei;
    expect([feeOf(undefined), feeOf([]), feeOf([20n, 40n])]).toEqual([7n, 7n, 30n]);
    expect([feeOf(undefined, GWEI), feeOf([20n, 40n], 31n), feeOf([20n, 40n], 29n)]).toEqual([
      GWEI,
      31n,
      30n,
    ]);
  });
});

describe('raiseFees', () => {
  it('raiseFees offers at least a tenth more of both fees, never above the ceiling, or nothing', () => {
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

  it('raiseFees takes the last tenth that the ceiling leaves, and no less', () => {
    const current = { maxFeeWei: 100n * GWEI, maxPriorityFeeWei: GWEI };
    expect(raiseFees(current, undefined, 111n * GWEI)?.maxFeeWei).toBe(111n * GWEI);
    expect(raiseFees(current, undefined, 109n * GWEI)).toBeUndefined();
  });
});

describe('feeCeilings', () => {
  const network = { maxFeePerGasGwei: 10n };
  const ceilings = (maxFeePerGasGwei?: bigint, maxFeePerGasGweiBump?: bigint) =>
    feeCeilings({ maxFeePerGasGwei, maxFeePerGasGweiBump }, network);

  it('feeCeilings lets a bump offer no more than other transactions, unless an option says so', () => {
    expect(ceilings()).toEqual({ maxFeePerGasWei: 10n * GWEI, maxBumpFeePerGasWei: 10n * GWEI });
    expect(ceilings(30n)).toEqual({ maxFeePerGasWei: 30n * GWEI, maxBumpFeePerGasWei: 30n * GWEI });
    expect(ceilings(undefined, 80n)).toEqual({
      maxFeePerGasWei: 10n * GWEI,
      maxBumpFeePerGasWei: 80n * GWEI,
    });
  });

  it('feeCeilings refuses a bump that could offer less', () => {
    expect(() => ceilings(undefined, 9n)).toThrow(
      '--max-fee-per-gas-gwei-bump is 9, which is lower than the maximum fee of 10 gwei.',
    );
  });
});
