/** What a transaction offers, by EIP-1559. */
export interface Fees {
  readonly maxFeeWei: bigint;
  readonly maxPriorityFeeWei: bigint;
}

export interface FeeMarket {
  readonly baseFeePerGasWei: bigint;
  readonly priorityFeeWei: bigint;
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

/** One part in `share` more, rounded up. */
function raise(wei: bigint, share: bigint): bigint {
  return wei + wei / share + 1n;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
