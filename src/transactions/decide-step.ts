import type { AttemptsView, Receipt } from '../clients/execution/read-transactions.ts';
import type { StoredAttempt, StoredTransaction, TransactionEnd } from '../db/transactions.ts';
import { fromHex, type Hex, toHex } from '../lib/bytes.ts';
import { HASH_LENGTH } from '../lib/lengths.ts';
import type { JudgedTransaction } from './intent-proofs.ts';
import type { RecordedFees } from './recorded-fees.ts';
import type { TransactionOutcome } from './transaction.ts';
import {
  chooseFees,
  type FeeCeilings,
  type FeeMarket,
  type Fees,
  type PriorityFeeRules,
  raiseFees,
} from './transaction-fees.ts';

/** What is decided of a transaction at one look: what every look reads, and those of the other facts that were asked for. */
export interface FollowView extends AttemptsView, AskedFacts {
  /** This process's own clock when the chain was read. */
  readonly nowMs: number;
}

/** Facts that cost a request, a statement or a question, and are asked for one at a time when the decision hangs on them. */
export interface AskedFacts {
  /** The transaction that has the nonce in a block. */
  readonly nonceTaker?: Hex | 'unknown' | undefined;
  /** Whether the call has been done, by the contract's own state; false where nobody can tell. */
  readonly isDone?: boolean | undefined;
  /** Whether the occasion of the call has passed; false for one that has none. */
  readonly isOutdated?: boolean | undefined;
  /** Why the call reverted in the block of its receipt. */
  readonly revertReason?: string | undefined;
  /** The vault that has the turn to use the wallet's nonce: this one or another. */
  readonly turn?: 'ours' | 'theirs' | undefined;
  /** Whether the call could only revert now. */
  readonly wouldRevert?: boolean | undefined;
  /** What the newest block asks for. */
  readonly market?: FeeMarket | undefined;
  /** What the recorded forms of the nonce offer. */
  readonly recordedFees?: RecordedFees | undefined;
}

/** What one watcher remembers of a transaction from look to look. */
export interface Watch {
  /** Looks in a row at which the nonce was taken and no receipt was ours. */
  readonly lostLooks: number;
  /** When this process last sent or took over a form, or tried to replace one, by its own clock. */
  readonly movedAtMs: number;
  /** Whether the nodes know a transaction of this nonce that offers more than what was sent last. */
  readonly isUnderpriced: boolean;
  /** Whether it was said that the ceiling leaves no room. */
  readonly isCeilingTold: boolean;
  /** How often in a row the wallet was another vault's when this one would have replaced what is stuck. */
  readonly yields: number;
}

export interface FollowRules extends FeeCeilings {
  /** Default: the node's advice. */
  readonly priorityFee?: PriorityFeeRules | undefined;
  /** Pause between looks at the chain: a slot. */
  readonly pollMs: number;
  /** How long a form waits before it is replaced by one that offers more. */
  readonly stuckAfterMs: number;
}

export type FollowStep =
  | AskStep
  | EndStep
  /** Signs and sends a form under the row's own nonce: the call with a higher fee, or nothing in its place. */
  | { readonly kind: 'raise-fee' | 'cancel'; readonly fees: Fees }
  /** Sends the last form again, which the nodes have lost. */
  | { readonly kind: 'resend'; readonly raw: Uint8Array }
  /** Leaves what was sent as it is, and sends it again: the ceiling leaves no room for a replacement. */
  | {
      readonly kind: 'no-room';
      readonly ceilingWei: bigint;
      readonly isNews: boolean;
      readonly raw?: Uint8Array | undefined;
    }
  /** Leaves the nonce to another vault, whose turn it is. */
  | { readonly kind: 'yield' }
  | { readonly kind: 'wait' };

/** Finds out one fact; then it is decided again. */
export type AskStep =
  | { readonly kind: 'ask'; readonly fact: Exclude<keyof AskedFacts, 'revertReason' | 'turn'> }
  | { readonly kind: 'ask'; readonly fact: 'revertReason'; readonly blockNumber: number }
  /** Takes the turn if it is free; `force` also from another vault, which has had it for too long. */
  | { readonly kind: 'ask'; readonly fact: 'turn'; readonly force: boolean };

/** Records how the transaction has ended. */
export interface EndStep {
  readonly kind: 'end';
  readonly end: TransactionEnd;
  readonly outcome: TransactionOutcome;
}

export interface FollowDecision {
  readonly step: FollowStep;
  /** What is to be remembered from here on, also when the step fails. */
  readonly watch: Watch;
}

/** A node that answers out of several may tell of a nonce before it tells of the receipt. */
export const MAX_LOST_LOOKS = 3;
/** Another vault that has the wallet may be gone. */
export const MAX_YIELDS = 2;

/** What a watcher knows that begins at this time. */
export function newWatch(nowMs: number): Watch {
  return { lostLooks: 0, movedAtMs: nowMs, isUnderpriced: false, isCeilingTold: false, yields: 0 };
}

/**
 * Says what is to be done about a transaction that is under way. An `ask` is answered by the same call with the fact in the
 * view; every other step ends the look.
 * @param watch - as it was when the look began
 */
export function decideStep(
  row: JudgedTransaction,
  view: FollowView,
  watch: Watch,
  rules: FollowRules,
): FollowDecision {
  const receipt = view.receipts.find(one => isDecisive(row, one));
  if (receipt !== undefined) return { step: endMined(row, receipt, view), watch };
  if (view.nonce > row.nonce) return decideTaken(row, view, watch);
  const looked = { ...watch, lostLooks: 0 };
  if (isExpired(row, view, rules)) return { step: EXPIRED, watch: looked };
  return decideMove(row, view, looked, rules);
}

const EXPIRED: EndStep = {
  kind: 'end',
  end: { state: 'abandoned', reason: 'its deadline passed before it was in a block' },
  outcome: { status: 'expired' },
};

function isExpired({ deadline }: StoredTransaction, { block }: FollowView, { pollMs }: FollowRules): boolean {
  if (deadline === undefined) return false;
  // A little later than the contract: a node may tell of the block before it tells of what is in it.
  const grace = BigInt(Math.ceil((2 * pollMs) / 1000));
  return block.timestamp > deadline + grace;
}

function endMined(row: JudgedTransaction, receipt: Receipt, { revertReason }: FollowView): AskStep | EndStep {
  const { hash, isSuccess, blockNumber } = receipt;
  if (formOf(row, hash)?.purpose === 'cancel') {
    const reason = 'replaced by a transaction that does nothing';
    return {
      kind: 'end',
      end: { ...minedIn(receipt), state: 'cancelled', reason },
      outcome: { status: 'cancelled', hash },
    };
  }
  if (isSuccess) return endConfirmed(receipt);
  if (revertReason === undefined) return { kind: 'ask', fact: 'revertReason', blockNumber };
  return {
    kind: 'end',
    end: { ...minedIn(receipt), state: 'reverted', reason: revertReason },
    outcome: { status: 'reverted', hash, reason: revertReason },
  };
}

/** How a transaction ends whose call has succeeded. */
export function endConfirmed(receipt: Receipt): EndStep {
  const { hash, blockNumber } = receipt;
  return {
    kind: 'end',
    end: { ...minedIn(receipt), state: 'confirmed' },
    outcome: { status: 'confirmed', hash, blockNumber },
  };
}

function minedIn({ hash, blockNumber }: Receipt): Pick<TransactionEnd, 'minedHash' | 'minedBlock'> {
  return { minedHash: fromHex(hash, HASH_LENGTH), minedBlock: BigInt(blockNumber) };
}

/** The nonce is used, and no receipt is ours: proven by the transaction that used it, or believed after some looks. */
function decideTaken(row: JudgedTransaction, view: FollowView, watch: Watch): FollowDecision {
  const { nonceTaker, isDone } = view;
  if (nonceTaker === undefined) return { step: { kind: 'ask', fact: 'nonceTaker' }, watch };
  const lost = { ...watch, lostLooks: watch.lostLooks + 1 };
  const taker = nonceTaker === 'unknown' ? undefined : nonceTaker;
  const isOwn = taker !== undefined && formOf(row, taker) !== undefined;
  if (isOwn || (taker === undefined && lost.lostLooks < MAX_LOST_LOOKS)) {
    return { step: { kind: 'wait' }, watch: lost };
  }
  if (isDone === undefined) return { step: { kind: 'ask', fact: 'isDone' }, watch: lost };
  const end: TransactionEnd = {
    state: 'cancelled',
    reason: isDone ? 'it had been done by another transaction' : 'another transaction took its nonce',
    minedHash: taker && fromHex(taker, HASH_LENGTH),
  };
  const outcome: TransactionOutcome = isDone
    ? { status: 'already-done' }
    : { status: 'cancelled', hash: taker };
  return { step: { kind: 'end', end, outcome }, watch: lost };
}

/** The transaction waits for a block. */
function decideMove(
  row: JudgedTransaction,
  view: FollowView,
  watch: Watch,
  rules: FollowRules,
): FollowDecision {
  // What is none of this operator's is taken back at most, and only what stands in the way of others.
  const mayReplace = row.isProven || view.nonce === row.nonce;
  if (row.request === 'cancel' && mayReplace) return decideFees(row, view, watch, rules, 'cancel');
  const isStuck = view.nowMs - watch.movedAtMs >= rules.stuckAfterMs;
  const isUrgent = row.isProven && (row.request === 'bump' || watch.isUnderpriced);
  if (mayReplace && (isUrgent || isStuck)) return decideReplacement(row, view, watch, rules);
  const raw = view.isLastKnown ? undefined : lastForm(row)?.raw;
  return { step: raw === undefined ? { kind: 'wait' } : { kind: 'resend', raw }, watch };
}

/**
 * Offers more, unless it would be for nothing: what could only revert now, whose occasion has passed, or what no operator
 * with this wallet has recorded, is taken back instead. Not from another vault, whose turn the wallet is by now.
 */
function decideReplacement(
  row: JudgedTransaction,
  view: FollowView,
  watch: Watch,
  rules: FollowRules,
): FollowDecision {
  const tried = { ...watch, movedAtMs: view.nowMs };
  if (view.turn === undefined) {
    return { step: { kind: 'ask', fact: 'turn', force: watch.yields >= MAX_YIELDS }, watch: tried };
  }
  if (view.turn === 'theirs') {
    return { step: { kind: 'yield' }, watch: { ...tried, yields: watch.yields + 1 } };
  }
  // The turn was had: another vault that has the wallet after this one is given its time again.
  const moving = { ...tried, yields: 0 };
  const isTakenBack = row.attempts.some(one => one.nonce === row.nonce && one.purpose === 'cancel');
  if (!row.isProven || isTakenBack) return decideFees(row, view, moving, rules, 'cancel');
  if (view.isDone === undefined) return { step: { kind: 'ask', fact: 'isDone' }, watch: moving };
  if (view.isDone) return decideFees(row, view, moving, rules, 'cancel');
  if (view.isOutdated === undefined) return { step: { kind: 'ask', fact: 'isOutdated' }, watch: moving };
  if (view.isOutdated) return decideFees(row, view, moving, rules, 'cancel');
  if (view.wouldRevert === undefined) return { step: { kind: 'ask', fact: 'wouldRevert' }, watch: moving };
  return decideFees(row, view, moving, rules, view.wouldRevert ? 'cancel' : 'raise-fee');
}

function decideFees(
  row: JudgedTransaction,
  view: FollowView,
  watch: Watch,
  { maxFeePerGasWei, maxBumpFeePerGasWei }: FollowRules,
  kind: 'raise-fee' | 'cancel',
): FollowDecision {
  if (view.market === undefined) return { step: { kind: 'ask', fact: 'market' }, watch };
  if (view.recordedFees === undefined) return { step: { kind: 'ask', fact: 'recordedFees' }, watch };
  // The row is only asked: what may be offered is this operator's own.
  const asked = row.feeCeilingWei ?? maxFeePerGasWei;
  const ceilingWei = asked < maxBumpFeePerGasWei ? asked : maxBumpFeePerGasWei;
  const wanted = chooseFees(view.market, ceilingWei);
  const current = view.recordedFees.all;
  const fees = current === undefined ? wanted : raiseFees(current, wanted, ceilingWei);
  if (fees !== undefined) return { step: { kind, fees }, watch };
  return {
    step: { kind: 'no-room', ceilingWei, isNews: !watch.isCeilingTold, raw: lastForm(row)?.raw },
    watch: { ...watch, isUnderpriced: false, isCeilingTold: true },
  };
}

/** The form of a transaction that has this hash. */
export function formOf(row: JudgedTransaction, hash: Hex): StoredAttempt | undefined {
  return row.attempts.find(one => toHex(one.hash) === hash);
}

/** Whether a receipt says that the call has happened. */
export function isSuccessfulCall(row: JudgedTransaction, { hash, isSuccess }: Receipt): boolean {
  return isSuccess && formOf(row, hash)?.purpose === 'call';
}

/** A receipt of this try, or the success of an earlier one. */
function isDecisive(row: JudgedTransaction, receipt: Receipt): boolean {
  return formOf(row, receipt.hash)?.nonce === row.nonce || isSuccessfulCall(row, receipt);
}

function lastForm(row: JudgedTransaction): StoredAttempt | undefined {
  return row.attempts.findLast(one => one.nonce === row.nonce);
}
