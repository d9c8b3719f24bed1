import type { RequestKind, RequestQueue } from '../consensus/execution-requests.ts';

/** `TARGET_WITHDRAWAL_REQUESTS_PER_BLOCK` (EIP-7002) and `TARGET_CONSOLIDATION_REQUESTS_PER_BLOCK` (EIP-7251). */
const TARGETS: Readonly<Record<RequestKind, bigint>> = { withdrawal: 2n, consolidation: 1n };

/** How many requests of others may come before ours between the plan and its block. */
const GAPS: Readonly<Record<RequestKind, bigint>> = { withdrawal: 10n, consolidation: 5n };

const MIN_FEE_WEI = 1n;
/** `WITHDRAWAL_REQUEST_FEE_UPDATE_FRACTION` and `CONSOLIDATION_REQUEST_FEE_UPDATE_FRACTION`. */
const FEE_UPDATE_FRACTION = 17n;

/** Above it, the fee has no room in 256 bits: e^(3017/17) wei. What a node tells beyond that is not worth computing for. */
const MAX_EXCESS = 3017n;

/** An approximation of `factor * e^(numerator / denominator)` in integers (EIP-7002, EIP-7251). */
export function fakeExponential(factor: bigint, numerator: bigint, denominator: bigint): bigint {
  let sum = 0n;
  let term = factor * denominator;
  for (let i = 1n; term > 0n; i++) {
    sum += term;
    term = (term * numerator) / (denominator * i);
  }
  return sum / denominator;
}

/**
 * What one of several requests may cost at most when all of them are in one of the next blocks, in wei. The contract takes the
 * fee of its block from each and gives back the rest.
 * @param count - how many are sent together
 * @returns undefined while no request is possible: the contract has not begun, or nobody could pay the fee
 */
export function requestFeeWei(
  kind: RequestKind,
  { excess, countInBlock }: Pick<RequestQueue, 'excess' | 'countInBlock'>,
  count: number,
): bigint | undefined {
  if (excess === undefined) return undefined;
  const total = excess + BigInt(count) + countInBlock + GAPS[kind] - TARGETS[kind];
  if (total > MAX_EXCESS) return undefined;
  return fakeExponential(MIN_FEE_WEI, total > 0n ? total : 0n, FEE_UPDATE_FRACTION);
}

/**
 * The largest number of requests that can be sent together for no more than this fee each.
 * @param options.maxCount - how many are wanted, or have room in a transaction
 * @returns 0 while even one costs more, or is not possible
 */
export function largestAffordableBatch(
  kind: RequestKind,
  queue: Pick<RequestQueue, 'excess' | 'countInBlock'>,
  { maxFeeWei, maxCount }: { readonly maxFeeWei: bigint; readonly maxCount: number },
): number {
  const isAffordable = (count: number) => {
    const feeWei = requestFeeWei(kind, queue, count);
    return feeWei !== undefined && feeWei <= maxFeeWei;
  };
  // The fee rises with the count: halve what is between a count that can be paid and one that cannot.
  let affordable = 0;
  let tooMany = maxCount + 1;
  while (tooMany - affordable > 1) {
    const middle = Math.floor((affordable + tooMany) / 2);
    if (isAffordable(middle)) affordable = middle;
    else tooMany = middle;
  }
  return affordable;
}
