import { describe, expect, it } from 'vitest';
import { highPriorityFeeWei, isFeeTooHigh } from '../../../src/transactions/transaction-fees.ts';
import { readNewestVectors, type Whole } from '../../support/recorded/newest-vectors.ts';

const cases =
  readNewestVectors<
    readonly {
      readonly fee_history_rewards: readonly Whole[];
      readonly base_fee: Whole;
      readonly max_fee_per_gas: Whole;
      readonly min_priority: Whole;
      readonly node_priority_fee: Whole;
      readonly max_priority_fee_per_gas: Whole;
      readonly max_fee_per_gas_offered: Whole;
      readonly gas_price_acceptable: boolean;
    }[]
  >('gas');

describe('gas.json', () => {
  it.each(cases)(
    'a transaction in a hurry offers $max_priority_fee_per_gas wei of $max_fee_per_gas_offered at a base fee of $base_fee',
    one => {
      const priorityFeeWei = highPriorityFeeWei({
        rewardsWei: one.fee_history_rewards.map(BigInt),
        advisedWei: BigInt(one.node_priority_fee),
        minWei: BigInt(one.min_priority),
      });
      const market = { baseFeePerGasWei: BigInt(one.base_fee), priorityFeeWei };
      expect(priorityFeeWei).toBe(BigInt(one.max_priority_fee_per_gas));
      expect(priorityFeeWei + 2n * market.baseFeePerGasWei).toBe(BigInt(one.max_fee_per_gas_offered));
      expect(isFeeTooHigh(market, BigInt(one.max_fee_per_gas))).toBe(!one.gas_price_acceptable);
    },
  );
});
