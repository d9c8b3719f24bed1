import type { AccountView, FeeHistoryQuery } from '../clients/execution/read-transactions.ts';
import { UsageError } from '../lib/errors.ts';
import { WEI_PER_GWEI } from '../lib/units.ts';

/** What a transaction offers, by EIP-1559. */
export interface Fees {
  readonly maxFeeWei: bigint;
  readonly maxPriorityFeeWei: bigint;
}

export interface FeeMarket {
  readonly baseFeePerGasWei: bigint;
  readonly priorityFeeWei: bigint;
}

/** What no transaction offers more than, whatever is asked for. */
export interface FeeCeilings {
  readonly maxFeePerGasWei: bigint;
  /** Ceiling of transactions that `tx bump` has asked more for; never below the other ceiling. */
  readonly maxBumpFeePerGasWei: bigint;
}

/** How the priority fee of a transaction is found. */
export interface PriorityFeeRules {
  /** What the network's proposers ask for at least. Default: nothing. */
  readonly minWei?: bigint | undefined;
  /** What a call that must not wait goes by; left out, it takes the node's advice as others do. */
  readonly history?: FeeHistoryQuery | undefined;
}

export function priorityFeeRules(
  { minPriorityFeeGwei = 0n }: { readonly minPriorityFeeGwei?: bigint | undefined },
  history: FeeHistoryQuery | undefined,
): PriorityFeeRules {
  return { minWei: minPriorityFeeGwei * WEI_PER_GWEI, history };
}

/** Gas that a transaction can have at most (EIP-7825). */
export const MAX_TRANSACTION_GAS = 16_777_216n;

/** @throws UsageError when a bump could offer less than the transaction itself */
export function feeCeilings(
  given: {
    readonly maxFeePerGasGwei: bigint | undefined;
    readonly maxFeePerGasGweiBump: bigint | undefined;
  },
  network: { readonly maxFeePerGasGwei: bigint },
): FeeCeilings {
  const ceilingGwei = given.maxFeePerGasGwei ?? network.maxFeePerGasGwei;
  const bumpCeilingGwei = given.maxFeePerGasGweiBump ?? ceilingGwei;
  if (bumpCeilingGwei < ceilingGwei) {
    throw new UsageError(
      'contradiction',
      `--max-fee-per-gas-gwei-bump is ${bumpCeilingGwei}, which is lower than the maximum fee of ${ceilingGwei} gwei.`,
      { hint: 'Leave it out: a bump then offers no more than other transactions.' },
    );
  }
  return {
    maxFeePerGasWei: ceilingGwei * WEI_PER_GWEI,
    maxBumpFeePerGasWei: bumpCeilingGwei * WEI_PER_GWEI,
  };
}

/** What is told where nobody has set the ceiling: it holds everything up for as long as it is too low. */
export function warnOfDefaultCeiling(network: {
  readonly name: string;
  readonly maxFeePerGasGwei: bigint;
}): string {
  return `No transaction offers more than ${network.maxFeePerGasGwei} gwei per gas, the default of ${network.name}: while the base fee is above that, nothing is registered, rotated or harvested. --max-fee-per-gas-gwei sets another ceiling.`;
}

/** A tenth of a gwei: no finer than people write priority fees. */
const PRIORITY_FEE_STEP_WEI = WEI_PER_GWEI / 10n;

/**
 * Priority fee of a transaction that is to be in one of the next blocks even when they are full: what most of the last blocks'
 * transactions have paid, on average, to a tenth of a gwei where it is above one.
 * @param options.rewardsWei - what a high percentile of each of the last blocks has paid (`eth_feeHistory`); where there are none,
 *   the node's advice counts
 * @param options.minWei - what the network's proposers ask for
 */
export function highPriorityFeeWei({
  rewardsWei,
  advisedWei,
  minWei,
}: {
  readonly rewardsWei: readonly bigint[];
  /** `eth_maxPriorityFeePerGas` of the node. */
  readonly advisedWei: bigint;
  readonly minWei: bigint;
}): bigint {
  if (rewardsWei.length === 0) return max(advisedWei, minWei);
  const meanWei = rewardsWei.reduce((sum, reward) => sum + reward, 0n) / BigInt(rewardsWei.length);
  return max(meanWei > WEI_PER_GWEI ? roundHalfToEven(meanWei, PRIORITY_FEE_STEP_WEI) : meanWei, minWei);
}

function roundHalfToEven(wei: bigint, step: bigint): bigint {
  const steps = wei / step;
  const rest = 2n * (wei % step);
  const isUp = rest > step || (rest === step && steps % 2n === 1n);
  return (isUp ? steps + 1n : steps) * step;
}

/**
 * The account with the priority fee that the next transaction offers: by what others have paid where that was asked for, else the
 * node's advice; never less than the network's proposers ask for.
 */
export function withPriorityFee(account: AccountView, { minWei = 0n }: PriorityFeeRules): AccountView {
  const { rewardsWei = [], priorityFeeWei: advisedWei } = account;
  return { ...account, priorityFeeWei: highPriorityFeeWei({ rewardsWei, advisedWei, minWei }) };
}

/**
 * Whether a transaction that need not be hurried waits for the base fee to fall: twice of it and the priority fee reach the
 * ceiling, so that one that is sent could be left behind by a few full blocks, and hold up all that come after it.
 */
export function isFeeTooHigh({ baseFeePerGasWei, priorityFeeWei }: FeeMarket, ceilingWei: bigint): boolean {
  return 2n * baseFeePerGasWei + priorityFeeWei >= ceilingWei;
}

/**
 * Fees with which a transaction gets into one of the next blocks: twice the base fee, so that six full blocks in a row do
 * not price it out, but never above the ceiling.
 * @returns undefined while the base fee alone is above the ceiling
 */
export function chooseFees(market: FeeMarket, ceilingWei: bigint): Fees | undefined {
  const { baseFeePerGasWei, priorityFeeWei } = market;
  if (baseFeePerGasWei >= ceilingWei) return undefined;
  const maxFeeWei = min(2n * baseFeePerGasWei + priorityFeeWei, ceilingWei);
  return { maxFeeWei, maxPriorityFeeWei: min(priorityFeeWei, maxFeeWei) };
}

/**
 * Fees that replace a waiting transaction of the same nonce: nodes ask for a tenth more of both. An eighth where the
 * ceiling has room for it, and the market's if that is more.
 * @returns undefined when a tenth more is above the ceiling
 */
export function raiseFees(current: Fees, wanted: Fees | undefined, ceilingWei: bigint): Fees | undefined {
  const maxFeeWei = min(max(raise(current.maxFeeWei, 8n), wanted?.maxFeeWei ?? 0n), ceilingWei);
  const priority = max(raise(current.maxPriorityFeeWei, 8n), wanted?.maxPriorityFeeWei ?? 0n);
  const maxPriorityFeeWei = min(priority, maxFeeWei);
  const isEnough =
    maxFeeWei >= raise(current.maxFeeWei, 10n) && maxPriorityFeeWei >= raise(current.maxPriorityFeeWei, 10n);
  return isEnough ? { maxFeeWei, maxPriorityFeeWei } : undefined;
}

/** Raises an amount by one part in `share`, rounded up. */
function raise(wei: bigint, share: bigint): bigint {
  return wei + wei / share + 1n;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
