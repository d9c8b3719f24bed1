import { formatGwei, WEI_PER_GWEI } from '../../../lib/units.ts';
import { chooseFees, isFeeTooHigh } from '../../../transactions/transaction-fees.ts';
import type { PlanCosts } from './vault-plan.ts';

/** What the fee ceiling holds up at these prices, as a sentence; undefined where it is nothing. */
export function describeCeiling(
  { baseFeePerGasWei, priorityFeePerGasWei }: Pick<PlanCosts, 'baseFeePerGasWei' | 'priorityFeePerGasWei'>,
  maxFeePerGasGwei: bigint,
): string | undefined {
  const market = { baseFeePerGasWei, priorityFeeWei: priorityFeePerGasWei };
  const ceilingWei = maxFeePerGasGwei * WEI_PER_GWEI;
  const ceiling = `the ceiling is ${maxFeePerGasGwei} gwei (--max-fee-per-gas-gwei)`;
  const baseFee = `the base fee is ${formatGwei(baseFeePerGasWei)} gwei`;
  if (chooseFees(market, ceilingWei) === undefined)
    return `No transaction is sent while ${baseFee}: ${ceiling}.`;
  if (!isFeeTooHigh(market, ceilingWei)) return undefined;
  return `Top-ups and withdrawals are not sent while ${baseFee}: twice of it and the priority fee reach what is paid at most, ${ceiling}.`;
}
