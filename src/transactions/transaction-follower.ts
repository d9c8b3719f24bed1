import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttemptsView,
  estimateCall,
  explainRevert,
  findNonceTaker,
  type Receipt,
  readAccount,
  readAttempts,
  readRecordedTransaction,
  type SimulatedCall,
} from '../clients/execution/read-transactions.ts';
import type { LeaseRef } from '../db/leases.ts';
import {
  closeTransaction,
  findTransaction,
  type StoredAttempt,
  type StoredTransaction,
  type TransactionEnd,
} from '../db/transactions.ts';
import { takeTurn } from '../db/wallet-turns.ts';
import { fromHex, type Hex, toHex } from '../lib/bytes.ts';
import { ExternalError, messageOf } from '../lib/errors.ts';
import { HASH_LENGTH } from '../lib/lengths.ts';
import { isCallOf, type JudgedTransaction } from './intent-proofs.ts';
import { leaseLost } from './lease.ts';
import { findHighestFees } from './recorded-fees.ts';
import type { TransactionOutcome } from './transaction.ts';
import { type AttemptDeps, broadcast, sendAttempt } from './transaction-attempts.ts';
import { chooseFees, type FeeCeilings, type Fees, raiseFees } from './transaction-fees.ts';

export interface FollowerOptions extends FeeCeilings {
  readonly pollMs: number;
  readonly stuckAfterMs: number;
}

interface FollowOptions {
  readonly signal: AbortSignal;
  readonly isDone?: (() => Promise<boolean>) | undefined;
}

/** Accompanies recorded transactions to their end. */
export interface TransactionFollower {
  /** Signs and sends the first form of a recorded intent, and follows it. */
  start(key: string, options: FollowOptions & { readonly fees: Fees }): Promise<TransactionOutcome>;
  /** Looks once a slot until the end: sends again what the nodes have lost, replaces what is stuck. */
  follow(key: string, options: FollowOptions): Promise<TransactionOutcome>;
  /** The same for a limited time; undefined when it is still under way then. */
  followFor(waitMs: number, key: string, options: FollowOptions): Promise<TransactionOutcome | undefined>;
  /**
   * Looks at one that has ended, whose end may have been another than recorded.
   * @returns its success; 'gone' when that is to be found out anew; undefined when it did nothing
   */
  recheck(row: JudgedTransaction): Promise<TransactionOutcome | 'gone' | undefined>;
  /**
   * Looks whether this very call has succeeded in one of the forms beside a row of which nothing else is believed.
   * @returns its success; undefined when none has
   */
  findSuccess(
    row: JudgedTransaction,
    call: Pick<StoredTransaction, 'recipient' | 'data' | 'valueWei'>,
  ): Promise<TransactionOutcome | undefined>;
  /** @throws OperatorError 'lease-lost' */
  close(row: StoredTransaction, end: TransactionEnd): Promise<void>;
}

/** What one watcher remembers from look to look. */
interface Watch {
  readonly isDone: (() => Promise<boolean>) | undefined;
  /** Looks in a row at which the nonce was taken and no receipt was ours. */
  lostLooks: number;
  /** When this process last sent or took over a form. */
  movedAt: number;
  isUnderpriced: boolean;
  /** Whether it was said that the ceiling leaves no room. */
  isCeilingTold: boolean;
  /** How often the wallet was another vault's when this one would have replaced what is stuck. */
  yields: number;
}

/** A node that answers out of several may tell of a nonce before it tells of the receipt. */
const MAX_LOST_LOOKS = 3;
/** Another vault that has the wallet may be gone. */
const MAX_YIELDS = 2;

export function createTransactionFollower(
  deps: AttemptDeps,
  ref: LeaseRef,
  { pollMs, stuckAfterMs, maxFeePerGasWei, maxBumpFeePerGasWei }: FollowerOptions,
): TransactionFollower {
  const { database, node, signer, proofs, log } = deps;

  const close = async (row: StoredTransaction, end: TransactionEnd): Promise<void> => {
    if (!(await closeTransaction(database, ref, row.id, end))) throw leaseLost();
    const hash = end.minedHash && toHex(end.minedHash);
    const level = end.state === 'confirmed' ? 'info' : 'warn';
    log[level]({ kind: row.kind, state: end.state, hash, reason: end.reason }, 'Transaction ended');
  };

  const newWatch = (isDone: Watch['isDone']): Watch => ({
    isDone,
    lostLooks: 0,
    movedAt: performance.now(),
    isUnderpriced: false,
    isCeilingTold: false,
    yields: 0,
  });

  /** The transaction of a key that this holder of the lease has begun or adopted. */
  async function findOwn(key: string): Promise<JudgedTransaction> {
    const row = await findTransaction(database, ref, key);
    if (row === undefined || row.leaseEpoch !== ref.epoch) throw leaseLost();
    return proofs.judge(row);
  }

  async function send(row: JudgedTransaction, watch: Watch, purpose: 'call' | 'cancel', fees: Fees) {
    const outcome = await sendAttempt(deps, ref, row, { purpose, fees });
    watch.movedAt = performance.now();
    watch.isUnderpriced = outcome.status === 'underpriced';
  }

  async function run(
    key: string,
    watch: Watch,
    signal: AbortSignal,
    waitMs: number,
  ): Promise<TransactionOutcome | undefined> {
    const until = performance.now() + waitMs;
    for (;;) {
      signal.throwIfAborted();
      const outcome = await look(key, watch).catch((error: unknown) => {
        // The transaction is out: an outage only delays what is learnt of it.
        if (!(error instanceof ExternalError && error.retryable)) throw error;
        log.warn({ reason: messageOf(error) }, 'Cannot look after the transaction');
        return undefined;
      });
      if (outcome !== undefined || performance.now() >= until) return outcome;
      await sleep(pollMs, undefined, { signal });
    }
  }

  async function look(key: string, watch: Watch): Promise<TransactionOutcome | undefined> {
    const row = await findOwn(key);
    const view = await readAttempts(
      node,
      toHex(row.sender),
      row.attempts.map(one => toHex(one.hash)),
    );
    const ended = await readEnd(row, view, watch);
    if (ended !== undefined) return ended;
    if (view.nonce > row.nonce) return undefined;
    // What is none of this operator's is taken back at most, and only what stands in the way of others.
    const mayReplace = row.isProven || view.nonce === row.nonce;
    const isStuck = performance.now() - watch.movedAt >= stuckAfterMs;
    const isUrgent = row.isProven && (row.request === 'bump' || watch.isUnderpriced);
    if (row.request === 'cancel' && mayReplace) await replace(row, watch, 'cancel');
    else if (mayReplace && (isUrgent || isStuck)) await unstick(row, watch);
    else if (!view.isLastKnown) await sendAgain(row, watch);
    return undefined;
  }

  /** The outcome once there is one; it is recorded. */
  async function readEnd(
    row: JudgedTransaction,
    view: AttemptsView,
    watch: Watch,
  ): Promise<TransactionOutcome | undefined> {
    const receipt = view.receipts.find(one => isDecisive(row, one));
    if (receipt !== undefined) return closeMined(row, receipt);
    if (view.nonce > row.nonce) return closeTaken(row, view, watch);
    watch.lostLooks = 0;
    if (row.deadline === undefined) return undefined;
    // A little later than the contract: a node may tell of the block before it tells of what is in it.
    const grace = BigInt(Math.ceil((2 * pollMs) / 1000));
    if (view.block.timestamp <= row.deadline + grace) return undefined;
    await close(row, { state: 'abandoned', reason: 'its deadline passed before it was in a block' });
    return { status: 'expired' };
  }

  /** Whether a success that was recorded, or one that was not waited for, may still show. */
  async function mayStillSucceed(row: JudgedTransaction, view: AttemptsView): Promise<boolean> {
    if (row.state !== 'abandoned' || view.nonce <= row.nonce) return row.state === 'confirmed';
    const search = { address: toHex(row.sender), nonce: row.nonce, head: view.block.number };
    const taker = await findNonceTaker(node, search);
    return taker !== undefined && attemptOf(row, taker) !== undefined;
  }

  async function closeMined(row: JudgedTransaction, receipt: Receipt): Promise<TransactionOutcome> {
    const { hash, isSuccess, blockNumber } = receipt;
    const mined = { minedHash: fromHex(hash, HASH_LENGTH), minedBlock: BigInt(blockNumber) };
    if (attemptOf(row, hash)?.purpose === 'cancel') {
      await close(row, {
        ...mined,
        state: 'cancelled',
        reason: 'replaced by a transaction that does nothing',
      });
      return { status: 'cancelled', hash };
    }
    if (isSuccess) {
      await close(row, { ...mined, state: 'confirmed' });
      return { status: 'confirmed', hash, blockNumber };
    }
    const reason = await explainRevert(node, callOf(row), blockNumber);
    await close(row, { ...mined, state: 'reverted', reason });
    return { status: 'reverted', hash, reason };
  }

  /** The nonce is used, and no receipt is ours: proven by the transaction that used it, or believed after some looks. */
  async function closeTaken(
    row: JudgedTransaction,
    view: AttemptsView,
    watch: Watch,
  ): Promise<TransactionOutcome | undefined> {
    const search = { address: toHex(row.sender), nonce: row.nonce, head: view.block.number };
    const taker = await findNonceTaker(node, search);
    watch.lostLooks += 1;
    const isOwn = taker !== undefined && attemptOf(row, taker) !== undefined;
    if (isOwn || (taker === undefined && watch.lostLooks < MAX_LOST_LOOKS)) return undefined;
    const isDone = (await watch.isDone?.()) === true;
    await close(row, {
      state: 'cancelled',
      reason: isDone ? 'it had been done by another transaction' : 'another transaction took its nonce',
      minedHash: taker && fromHex(taker, HASH_LENGTH),
    });
    return isDone ? { status: 'already-done' } : { status: 'cancelled', hash: taker };
  }

  /**
   * Offers more, unless it would be for nothing: what could only revert now, and what no operator with this wallet has
   * recorded, is taken back instead. Not from another vault, whose turn the wallet is by now.
   */
  async function unstick(row: JudgedTransaction, watch: Watch): Promise<void> {
    watch.movedAt = performance.now();
    const isCancelled = row.attempts.some(one => one.nonce === row.nonce && one.purpose === 'cancel');
    const turn = { wallet: row.sender, nonce: row.nonce, force: watch.yields >= MAX_YIELDS };
    if ((await takeTurn(database, ref, turn)) !== undefined) {
      watch.yields += 1;
      log.info({ kind: row.kind, nonce: String(row.nonce) }, 'Waiting: another vault has the wallet’s nonce');
      return;
    }
    const isVain =
      !row.isProven ||
      isCancelled ||
      (await watch.isDone?.()) === true ||
      (await estimateCall(node, callOf(row))).status === 'reverts';
    await replace(row, watch, isVain ? 'cancel' : 'call');
  }

  async function replace(row: JudgedTransaction, watch: Watch, purpose: 'call' | 'cancel'): Promise<void> {
    // The row is only asked: what may be offered is this operator's own.
    const asked = row.feeCeilingWei ?? maxFeePerGasWei;
    const ceiling = asked < maxBumpFeePerGasWei ? asked : maxBumpFeePerGasWei;
    const wanted = chooseFees(await readMarket(), ceiling);
    const { all: current } = await findHighestFees(database, ref, row);
    const fees = current === undefined ? wanted : raiseFees(current, wanted, ceiling);
    if (fees !== undefined) return send(row, watch, purpose, fees);
    watch.isUnderpriced = false;
    const facts = { kind: row.kind, nonce: String(row.nonce), ceilingWei: String(ceiling) };
    if (!watch.isCeilingTold)
      log.warn(facts, 'The transaction waits: the ceiling leaves no room for a replacement');
    watch.isCeilingTold = true;
    await sendAgain(row, watch);
  }

  async function readMarket() {
    const account = await readAccount(node, signer.address);
    return { ...account.block, priorityFeeWei: account.priorityFeeWei };
  }

  async function sendAgain(row: JudgedTransaction, watch: Watch): Promise<void> {
    const last = row.attempts.findLast(one => one.nonce === row.nonce);
    if (last === undefined) return;
    const outcome = await broadcast(deps, ref, toHex(last.raw));
    watch.isUnderpriced = outcome.status === 'underpriced';
  }

  const followFor: TransactionFollower['followFor'] = (waitMs, key, { signal, isDone }) =>
    run(key, newWatch(isDone), signal, waitMs);

  return {
    close,
    followFor,
    async start(key, { fees, signal, isDone }) {
      const row = await findOwn(key);
      const watch = newWatch(isDone);
      await send(row, watch, 'call', fees);
      return required(await run(key, watch, signal, Number.POSITIVE_INFINITY));
    },
    follow: async (key, options) => required(await followFor(Number.POSITIVE_INFINITY, key, options)),
    async recheck(row) {
      const hashes = row.attempts.map(one => toHex(one.hash));
      const view = await readAttempts(node, toHex(row.sender), hashes);
      const success = view.receipts.find(one => isSuccessfulCall(row, one));
      if (success === undefined) return (await mayStillSucceed(row, view)) ? 'gone' : undefined;
      if (row.state !== 'confirmed') return closeMined(row, success);
      return { status: 'confirmed', hash: success.hash, blockNumber: success.blockNumber };
    },
    async findSuccess(row, call) {
      const forms = row.attempts.filter(({ raw }) => {
        const form = readRecordedTransaction(raw);
        return form !== undefined && isCallOf(call, form);
      });
      const hashes = forms.map(one => toHex(one.hash));
      const { receipts } = await readAttempts(node, toHex(row.sender), hashes);
      const success = receipts.find(({ isSuccess }) => isSuccess);
      return success && { status: 'confirmed', hash: success.hash, blockNumber: success.blockNumber };
    },
  };
}

function callOf(row: StoredTransaction): SimulatedCall {
  const { sender, recipient, data, valueWei } = row;
  return { from: toHex(sender), to: toHex(recipient), data: toHex(data), valueWei };
}

/** A receipt of this try, or the success of an earlier one. */
function isDecisive(row: JudgedTransaction, receipt: Receipt): boolean {
  return attemptOf(row, receipt.hash)?.nonce === row.nonce || isSuccessfulCall(row, receipt);
}

function isSuccessfulCall(row: JudgedTransaction, { hash, isSuccess }: Receipt): boolean {
  return isSuccess && attemptOf(row, hash)?.purpose === 'call';
}

function attemptOf(row: JudgedTransaction, hash: Hex): StoredAttempt | undefined {
  return row.attempts.find(one => toHex(one.hash) === hash);
}

/** The outcome that there always is without a limit of time. */
function required(outcome: TransactionOutcome | undefined): TransactionOutcome {
  if (outcome === undefined) throw new TypeError('a transaction was left before its end');
  return outcome;
}
