import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttemptsView,
  estimateCall,
  explainRevert,
  findNonceTaker,
  readAttempts,
  readRecordedTransaction,
  type SimulatedCall,
} from '../clients/execution/read-transactions.ts';
import type { LeaseRef } from '../db/leases.ts';
import {
  closeTransaction,
  findTransaction,
  type StoredTransaction,
  type TransactionEnd,
} from '../db/transactions.ts';
import { takeTurn } from '../db/wallet-turns.ts';
import { toHex } from '../lib/bytes.ts';
import { ExternalError, messageOf } from '../lib/errors.ts';
import { decideRecheck } from './decide-recheck.ts';
import {
  type AskedFacts,
  type AskStep,
  decideStep,
  type EndStep,
  type FollowRules,
  type FollowStep,
  type FollowView,
  newWatch,
  type Watch,
} from './decide-step.ts';
import { isCallOf, type JudgedTransaction } from './intent-proofs.ts';
import { leaseLost } from './lease.ts';
import { readWalletAccount } from './read-wallet-account.ts';
import { findHighestFees } from './recorded-fees.ts';
import type { TransactionIntent, TransactionOutcome } from './transaction.ts';
import { type AttemptDeps, broadcast, sendAttempt } from './transaction-attempts.ts';
import type { Fees } from './transaction-fees.ts';

type FollowOptions = { readonly signal: AbortSignal } & AskedOfIntent;

/** What only whoever wants the call can tell. */
type AskedOfIntent = Pick<TransactionIntent, 'isDone' | 'isOutdated'>;

/** One transaction while it is followed. */
interface Followed {
  readonly key: string;
  readonly intent: AskedOfIntent;
  watch: Watch;
  /** Since when it is under way, once that has been told: milliseconds since 1970. */
  pendingSinceMs: number | undefined;
}

/**
 * Accompanies recorded transactions to their end. At every look it reads row and chain, has `decideStep` say what is to be
 * done, does that, and remembers what the next look needs.
 */
export class TransactionFollower {
  readonly #deps: AttemptDeps;
  readonly #ref: LeaseRef;
  readonly #rules: FollowRules;

  constructor(deps: AttemptDeps, ref: LeaseRef, rules: FollowRules) {
    this.#deps = deps;
    this.#ref = ref;
    this.#rules = rules;
  }

  /** Signs and sends the first form of a recorded intent, and follows it. */
  async start(
    key: string,
    { fees, signal, ...intent }: FollowOptions & { readonly fees: Fees },
  ): Promise<TransactionOutcome> {
    const row = await this.#findOwn(key);
    const followed = beginFollowing(key, intent);
    // Not by its row, which has the age of an earlier try.
    this.#tellPending(row, followed, Date.now());
    await this.#send(row, followed, 'call', fees);
    return required(await this.#lookUntil(Number.POSITIVE_INFINITY, followed, signal));
  }

  /** Looks once a slot until the end: sends again what the nodes have lost, replaces what is stuck. */
  async follow(key: string, options: FollowOptions): Promise<TransactionOutcome> {
    return required(await this.followFor(Number.POSITIVE_INFINITY, key, options));
  }

  /** The same for a limited time; undefined when it is still under way then. */
  followFor(
    waitMs: number,
    key: string,
    { signal, ...intent }: FollowOptions,
  ): Promise<TransactionOutcome | undefined> {
    return this.#lookUntil(waitMs, beginFollowing(key, intent), signal);
  }

  /**
   * Looks at one that has ended, whose end may have been another than recorded.
   * @returns its success; 'gone' when that is to be found out anew; undefined when it did nothing
   */
  async recheck(row: JudgedTransaction): Promise<TransactionOutcome | 'gone' | undefined> {
    const attempts = await this.#readAttemptsOf(row);
    let step = decideRecheck(row, attempts);
    if (step.kind === 'ask') {
      const { nonceTaker } = await this.#askNonceTaker(row, attempts);
      step = decideRecheck(row, { ...attempts, nonceTaker });
    }
    switch (step.kind) {
      case 'end':
        return this.#end(row, step);
      case 'stands':
        return step.outcome;
      case 'gone':
        return 'gone';
      default:
        return undefined;
    }
  }

  /**
   * Looks whether this very call has succeeded in one of the forms beside a row of which nothing else is believed.
   * @returns its success; undefined when none has
   */
  async findSuccess(
    row: JudgedTransaction,
    call: Pick<StoredTransaction, 'recipient' | 'data' | 'valueWei'>,
  ): Promise<TransactionOutcome | undefined> {
    const forms = row.attempts.filter(({ raw }) => {
      const form = readRecordedTransaction(raw);
      return form !== undefined && isCallOf(call, form);
    });
    const { receipts } = await this.#readAttemptsOf({ sender: row.sender, attempts: forms });
    const success = receipts.find(({ isSuccess }) => isSuccess);
    return success && { status: 'confirmed', hash: success.hash, blockNumber: success.blockNumber };
  }

  /** Records an end. @throws OperatorError 'lease-lost' */
  async close(row: StoredTransaction, end: TransactionEnd): Promise<void> {
    if (!(await closeTransaction(this.#deps.database, this.#ref, row.id, end))) throw leaseLost();
    this.#deps.onPending?.(row.kind, undefined);
    const hash = end.minedHash && toHex(end.minedHash);
    const level = end.state === 'confirmed' ? 'info' : 'warn';
    this.#deps.log[level](
      { kind: row.kind, state: end.state, hash, reason: end.reason },
      'Transaction ended',
    );
  }

  async #lookUntil(
    waitMs: number,
    followed: Followed,
    signal: AbortSignal,
  ): Promise<TransactionOutcome | undefined> {
    const until = performance.now() + waitMs;
    for (;;) {
      signal.throwIfAborted();
      const outcome = await this.#look(followed).catch((error: unknown) => {
        // The transaction is out: an outage only delays what is learnt of it.
        if (!(error instanceof ExternalError && error.retryable)) throw error;
        this.#deps.log.warn({ reason: messageOf(error) }, 'Cannot look after the transaction');
        return undefined;
      });
      if (outcome !== undefined || performance.now() >= until) return outcome;
      await sleep(this.#rules.pollMs, undefined, { signal });
    }
  }

  async #look(followed: Followed): Promise<TransactionOutcome | undefined> {
    const row = await this.#findOwn(followed.key);
    this.#tellPending(row, followed, row.createdAt.getTime());
    const attempts = await this.#readAttemptsOf(row);
    const before = followed.watch;
    let view: FollowView = { ...attempts, nowMs: performance.now() };
    for (;;) {
      const { step, watch } = decideStep(row, view, before, this.#rules);
      followed.watch = watch;
      if (step.kind !== 'ask') return this.#take(step, row, followed);
      view = { ...view, ...(await this.#ask(step, row, view, followed)) };
    }
  }

  #tellPending({ kind }: StoredTransaction, followed: Followed, sinceMs: number): void {
    if (followed.pendingSinceMs !== undefined) return;
    followed.pendingSinceMs = sinceMs;
    this.#deps.onPending?.(kind, sinceMs);
  }

  /** The transaction of a key that this holder of the lease has begun or adopted. */
  async #findOwn(key: string): Promise<JudgedTransaction> {
    const row = await findTransaction(this.#deps.database, this.#ref, key);
    if (row === undefined || row.leaseEpoch !== this.#ref.epoch) throw leaseLost();
    return this.#deps.proofs.judge(row);
  }

  #readAttemptsOf({
    sender,
    attempts,
  }: Pick<JudgedTransaction, 'sender' | 'attempts'>): Promise<AttemptsView> {
    const hashes = attempts.map(one => toHex(one.hash));
    return readAttempts(this.#deps.node, toHex(sender), hashes);
  }

  async #ask(
    step: AskStep,
    row: JudgedTransaction,
    view: FollowView,
    { intent }: Followed,
  ): Promise<AskedFacts> {
    const { database, node } = this.#deps;
    switch (step.fact) {
      case 'nonceTaker':
        return this.#askNonceTaker(row, view);
      case 'isDone':
        return { isDone: (await intent.isDone?.(view.block.number)) === true };
      case 'isOutdated':
        return { isOutdated: (await intent.isOutdated?.(view.block.number)) === true };
      case 'revertReason':
        return { revertReason: await explainRevert(node, callOf(row), step.blockNumber) };
      case 'turn': {
        const turn = { wallet: row.sender, nonce: row.nonce, force: step.force };
        const theirsSince = await takeTurn(database, this.#ref, turn);
        return { turn: theirsSince === undefined ? 'ours' : 'theirs' };
      }
      case 'wouldRevert': {
        const estimate = await estimateCall(node, callOf(row));
        return { wouldRevert: estimate.status === 'reverts' };
      }
      case 'market': {
        const { priorityFee } = this.#rules;
        const { block, priorityFeeWei } = await readWalletAccount(this.#deps, row.kind, priorityFee);
        return { market: { baseFeePerGasWei: block.baseFeePerGasWei, priorityFeeWei } };
      }
      case 'recordedFees':
        return { recordedFees: await findHighestFees(database, this.#ref, row) };
    }
  }

  async #askNonceTaker(
    row: JudgedTransaction,
    { block }: AttemptsView,
  ): Promise<Required<Pick<AskedFacts, 'nonceTaker'>>> {
    const search = { address: toHex(row.sender), nonce: row.nonce, head: block.number };
    return { nonceTaker: (await findNonceTaker(this.#deps.node, search)) ?? 'unknown' };
  }

  /** Does what was decided; resolves to the outcome once there is one. */
  async #take(
    step: Exclude<FollowStep, AskStep>,
    row: JudgedTransaction,
    followed: Followed,
  ): Promise<TransactionOutcome | undefined> {
    const { log } = this.#deps;
    const facts = { kind: row.kind, nonce: String(row.nonce) };
    switch (step.kind) {
      case 'end':
        return this.#end(row, step);
      case 'raise-fee':
        this.#deps.onBlock?.(row.kind, undefined);
        await this.#send(row, followed, 'call', step.fees);
        return undefined;
      case 'cancel':
        await this.#send(row, followed, 'cancel', step.fees);
        return undefined;
      case 'resend':
        await this.#resend(followed, step.raw);
        return undefined;
      case 'no-room':
        this.#deps.onBlock?.(row.kind, 'fee-ceiling');
        if (step.isNews) {
          const ceiling = { ...facts, ceilingWei: String(step.ceilingWei) };
          log.warn(ceiling, 'The transaction waits: the ceiling leaves no room for a replacement');
        }
        if (step.raw !== undefined) await this.#resend(followed, step.raw);
        return undefined;
      case 'yield':
        log.info(facts, 'Waiting: another vault has the wallet’s nonce');
        return undefined;
      case 'wait':
        return undefined;
    }
  }

  async #end(row: JudgedTransaction, { end, outcome }: EndStep): Promise<TransactionOutcome> {
    this.#deps.onBlock?.(row.kind, undefined);
    await this.close(row, end);
    return outcome;
  }

  async #send(
    row: JudgedTransaction,
    followed: Followed,
    purpose: 'call' | 'cancel',
    fees: Fees,
  ): Promise<void> {
    const { status } = await sendAttempt(this.#deps, this.#ref, row, { purpose, fees });
    const isUnderpriced = status === 'underpriced';
    followed.watch = { ...followed.watch, movedAtMs: performance.now(), isUnderpriced };
  }

  async #resend(followed: Followed, raw: Uint8Array): Promise<void> {
    const { status } = await broadcast(this.#deps, this.#ref, toHex(raw));
    followed.watch = { ...followed.watch, isUnderpriced: status === 'underpriced' };
  }
}

function beginFollowing(key: string, intent: AskedOfIntent): Followed {
  return { key, intent, watch: newWatch(performance.now()), pendingSinceMs: undefined };
}

function callOf(row: StoredTransaction): SimulatedCall {
  const { sender, recipient, data, valueWei } = row;
  return { from: toHex(sender), to: toHex(recipient), data: toHex(data), valueWei };
}

/** The outcome that there always is without a limit of time. */
function required(outcome: TransactionOutcome | undefined): TransactionOutcome {
  if (outcome === undefined) throw new TypeError('a transaction was left before its end');
  return outcome;
}
