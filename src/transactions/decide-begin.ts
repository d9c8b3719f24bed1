import type { AccountView, CallEstimate } from '../clients/execution/read-transactions.ts';
import type { RecordedFees } from './recorded-fees.ts';
import type { TransactionIntent, TransactionOutcome } from './transaction.ts';
import { chooseFees, type FeeCeilings, type Fees, isFeeTooHigh, raiseFees } from './transaction-fees.ts';

/** What is known when a call may be begun: the wallet's account, and those of the other facts that were asked for. */
export interface BeginView extends BeginFacts {
  readonly account: AccountView;
}

/** Facts that are asked for one at a time when the decision hangs on them. */
export interface BeginFacts {
  /** Whether the call has been done, by the contract's own state; false where nobody can tell. */
  readonly isDone?: boolean | undefined;
  /** Whether the occasion of the call has passed; false for one that has none. */
  readonly isOutdated?: boolean | undefined;
  /** What the call would do now. */
  readonly estimate?: CallEstimate | undefined;
  /** What the recorded forms of the wallet's next nonce offer. */
  readonly recordedFees?: RecordedFees | undefined;
}

export type BeginStep =
  /** Finds out one fact; then it is decided again. */
  | { readonly kind: 'ask'; readonly fact: keyof BeginFacts }
  /** Sends nothing, and says why. */
  | { readonly kind: 'refuse'; readonly outcome: TransactionOutcome }
  /** Waits for a base fee below the ceiling, which may take days. */
  | { readonly kind: 'wait-for-base-fee' }
  /** Waits for one that could double below the ceiling. */
  | { readonly kind: 'wait-for-room' }
  /** The wallet cannot pay for it. */
  | { readonly kind: 'unfunded' }
  /** Records and sends it, unless somebody else has the nonce. */
  | { readonly kind: 'begin'; readonly gasLimit: bigint; readonly fees: Fees };

/** Says whether a call is worth a transaction now. An `ask` is answered by the same call with the fact in the view. */
export function decideBegin(
  {
    deadline,
    isPatient = false,
    valueWei = 0n,
  }: Pick<TransactionIntent, 'deadline' | 'isPatient' | 'valueWei'>,
  { account, isDone, isOutdated, estimate, recordedFees }: BeginView,
  { maxFeePerGasWei }: Pick<FeeCeilings, 'maxFeePerGasWei'>,
): BeginStep {
  if (deadline !== undefined && account.block.timestamp >= deadline) {
    return { kind: 'refuse', outcome: { status: 'expired' } };
  }
  if (isDone === undefined) return { kind: 'ask', fact: 'isDone' };
  if (isDone) return { kind: 'refuse', outcome: { status: 'already-done' } };
  if (isOutdated === undefined) return { kind: 'ask', fact: 'isOutdated' };
  if (isOutdated) return { kind: 'refuse', outcome: { status: 'outdated' } };
  if (estimate === undefined) return { kind: 'ask', fact: 'estimate' };
  if (estimate.status === 'reverts') {
    const { reason, data } = estimate;
    return { kind: 'refuse', outcome: { status: 'would-revert', reason, data } };
  }
  const { baseFeePerGasWei } = account.block;
  const offered = { baseFeePerGasWei, priorityFeeWei: account.priorityFeeWei };
  const market = chooseFees(offered, maxFeePerGasWei);
  if (market === undefined) return { kind: 'wait-for-base-fee' };
  // Sent now, it would hold up what comes after it if the base fee went on rising.
  if (isPatient && isFeeTooHigh(offered, maxFeePerGasWei)) return { kind: 'wait-for-room' };
  if (recordedFees === undefined) return { kind: 'ask', fact: 'recordedFees' };
  // One that expired may still be waiting under this nonce.
  const highest = recordedFees.all;
  const fees = (highest && raiseFees(highest, market, maxFeePerGasWei)) ?? market;
  const gasLimit = gasLimitOf(estimate.gas);
  if (account.balanceWei < gasLimit * fees.maxFeeWei + valueWei) return { kind: 'unfunded' };
  return { kind: 'begin', gasLimit, fees };
}

/** The state may have changed a little by the time that it is mined; what is left over is not paid for. */
export function gasLimitOf(estimatedGas: bigint): bigint {
  return estimatedGas + estimatedGas / 5n;
}
