import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionNode } from '../clients/execution-node.ts';
import { type AccountView, estimateCall, readAccount } from '../clients/transactions.ts';
import type { WalletSigner } from '../clients/wallet-signer.ts';
import type { Database } from '../db/database.ts';
import type { LeaseRef } from '../db/leases.ts';
import {
  adoptTransaction,
  findHighestFees,
  findTransaction,
  listOpenTransactions,
  recordIntent,
  type StoredTransaction,
} from '../db/transactions.ts';
import { fromHex, type Hex } from '../lib/bytes.ts';
import { ExternalError } from '../lib/errors.ts';
import { createLimit } from '../lib/limit.ts';
import type { Logger } from '../lib/logger.ts';
import { type Lease, leaseLost } from './lease.ts';
import { chooseFees, raiseFees } from './transaction-fees.ts';
import { createTransactionFollower, type TransactionFollower } from './transaction-follower.ts';

/** A call of a contract that must happen once. */
export interface TransactionIntent {
  readonly kind: 'register-validators' | 'update-exit-signatures' | 'harvest';
  /** Of two intents with one key only one ever becomes a transaction that succeeds. */
  readonly key: string;
  readonly to: string;
  readonly data: Hex;
  /** Unix seconds on the chain's clock: in a later block the contract refuses the call. */
  readonly deadline?: bigint | undefined;
  /** Whether the contract's own state says that it has been done: by somebody else, or before a database was lost. */
  readonly isDone?: (() => Promise<boolean>) | undefined;
}

export type TransactionOutcome =
  | { readonly status: 'confirmed'; readonly hash: Hex; readonly blockNumber: number }
  | { readonly status: 'reverted'; readonly hash: Hex; readonly reason: string }
  /** The simulation failed: nothing was sent. `data` is what the contract reverted with. */
  | { readonly status: 'would-revert'; readonly reason: string; readonly data: Hex | undefined }
  /** Its deadline has passed, before or after it was sent; it can do nothing any more. */
  | { readonly status: 'expired' }
  | { readonly status: 'already-done' }
  /** Its nonce was taken by another transaction: `tx cancel`, or another program with this wallet. It never happens. */
  | { readonly status: 'cancelled'; readonly hash: Hex | undefined };

/** All transactions of a vault, one at a time. */
export interface Outbox {
  /**
   * Sends the call and waits for its end. A call with the key of one that is under way, or was confirmed, joins that one.
   * @throws OperatorError 'lease-lost'; ExternalError 'insufficient-funds', or what node, signer or database fail with
   */
  send(intent: TransactionIntent, options: { readonly signal: AbortSignal }): Promise<TransactionOutcome>;
  /**
   * Finds out what became of transactions that an earlier holder of the lease left, before anything is sent. One that is
   * still under way after some slots stays so; the next `send` waits for its end.
   */
  reconcile(signal: AbortSignal): Promise<void>;
  /** Whether a transaction is under way, of one kind or of any. */
  hasPending(kind?: TransactionIntent['kind']): Promise<boolean>;
}

export interface OutboxDeps {
  readonly database: Database;
  readonly node: ExecutionNode;
  readonly signer: WalletSigner;
  readonly lease: Lease;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

export interface OutboxOptions {
  readonly chainId: number;
  readonly vault: string;
  /** No transaction offers more for its gas. */
  readonly maxFeePerGasWei: bigint;
  /** Pause between looks at the chain: a slot. */
  readonly pollMs: number;
  /** How long a transaction waits before it is replaced by one that offers more. Default: four slots. */
  readonly stuckAfterMs?: number;
  /** How long `reconcile` waits for one that is under way. Default: three slots. */
  readonly reconcileWaitMs?: number;
}

/**
 * The only way by which transactions leave. It keeps to these rules, so that no intent ever becomes two:
 * - A transaction has the first nonce that no block has used, and all its signed forms have that same nonce: of them the
 *   chain takes one. That excludes, too, what a stopped process sends when it wakes, and what a lost database knew of.
 * - Nothing is broadcast that is not in the database, and nothing gets into the database without the lease.
 * - The next one begins when the one before has its receipt, or can never have one.
 */
export function createOutbox(deps: OutboxDeps, options: OutboxOptions): Outbox {
  const { database, lease } = deps;
  const ref: LeaseRef = { chainId: options.chainId, vault: fromHex(options.vault, 20), epoch: lease.epoch };
  const { pollMs, reconcileWaitMs = 3 * pollMs } = options;
  const follower = createTransactionFollower(deps, ref, {
    ...{ pollMs, stuckAfterMs: options.stuckAfterMs ?? 4 * pollMs },
    ceilingWei: options.maxFeePerGasWei,
  });
  const sender = createSender(deps, ref, options, follower);
  const limit = createLimit(1);

  /** One at a time; the lease's end ends everything. */
  const exclusively = <T>(signal: AbortSignal, step: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    limit(async () => {
      const both = AbortSignal.any([signal, lease.signal]);
      both.throwIfAborted();
      return step(both);
    });

  return {
    async send(intent, { signal }) {
      for (;;) {
        const outcome = await exclusively(signal, both => sender(intent, both));
        if (outcome !== 'wait') return outcome;
        await sleep(pollMs, undefined, { signal: AbortSignal.any([signal, lease.signal]) });
      }
    },
    reconcile: signal =>
      exclusively(signal, async both => {
        for (const row of await listOpenTransactions(database, ref)) {
          await settle(deps, ref, follower, row, both, reconcileWaitMs);
        }
      }),
    async hasPending(kind) {
      const open = await listOpenTransactions(database, ref);
      return open.some(row => kind === undefined || row.kind === kind);
    },
  };
}

/** Brings one that was left under way to its end, unless that takes too long. */
async function settle(
  { database }: OutboxDeps,
  ref: LeaseRef,
  follower: TransactionFollower,
  row: StoredTransaction,
  signal: AbortSignal,
  waitMs: number,
): Promise<void> {
  if (!(await adoptTransaction(database, ref, row.id))) throw leaseLost();
  // What was not recorded was not broadcast, and can no longer be recorded by whoever signed it.
  if (row.attempts.length === 0)
    await follower.close(row, { state: 'abandoned', reason: 'it was never signed' });
  else await follower.followFor(waitMs, row.key, { signal });
}

/** One try; 'wait' when it is to be made again after a pause, in which others may send. */
type Sender = (intent: TransactionIntent, signal: AbortSignal) => Promise<TransactionOutcome | 'wait'>;

function createSender(
  deps: OutboxDeps,
  ref: LeaseRef,
  { maxFeePerGasWei, pollMs, stuckAfterMs = 4 * pollMs }: OutboxOptions,
  follower: TransactionFollower,
): Sender {
  const { database, node, signer, log } = deps;
  /** Since when a transaction that is not ours has waited for the nonce. */
  let strangerSince: { readonly nonce: bigint; readonly at: number } | undefined;
  /** Keys of calls that wait for a lower base fee and have been told of: that may take days. */
  const priced = new Set<string>();

  return async (intent, signal) => {
    for (const row of await listOpenTransactions(database, ref)) {
      if (row.key !== intent.key) await settle(deps, ref, follower, row, signal, Number.POSITIVE_INFINITY);
    }
    const stored = await findTransaction(database, ref, intent.key);
    const joined = stored && (await join(stored, intent, signal));
    if (joined !== undefined) return joined;
    return begin(intent, signal);
  };

  /** What the recorded transaction of this key says; undefined when it has done nothing and never will. */
  async function join(
    stored: StoredTransaction,
    intent: TransactionIntent,
    signal: AbortSignal,
  ): Promise<TransactionOutcome | undefined> {
    if (stored.state === 'intended') await settle(deps, ref, follower, stored, signal, 0);
    if (stored.attempts.length === 0) return undefined;
    if (stored.state !== 'sent') {
      const outcome = await follower.recheck(stored);
      if (outcome !== 'gone') return outcome;
    }
    // Also one whose end is no longer what was recorded: its nonce decides.
    if (!(await adoptTransaction(database, ref, stored.id, { reopen: true }))) throw leaseLost();
    return follower.follow(stored.key, { signal, isDone: intent.isDone });
  }

  async function begin(intent: TransactionIntent, signal: AbortSignal): Promise<TransactionOutcome | 'wait'> {
    const from = signer.address;
    const account = await readAccount(node, from);
    if (intent.deadline !== undefined && account.block.timestamp >= intent.deadline)
      return { status: 'expired' };
    if (await intent.isDone?.()) return { status: 'already-done' };
    const estimate = await estimateCall(node, { from, to: intent.to, data: intent.data });
    if (estimate.status === 'reverts') {
      return { status: 'would-revert', reason: estimate.reason, data: estimate.data };
    }
    const { priorityFeeWei, nonce } = account;
    const market = chooseFees({ ...account.block, priorityFeeWei }, maxFeePerGasWei);
    if (market === undefined) {
      const [baseFeePerGasWei, ceilingWei] = [account.block.baseFeePerGasWei, maxFeePerGasWei].map(String);
      const facts = { kind: intent.kind, baseFeePerGasWei, ceilingWei };
      if (!priced.has(intent.key)) log.info(facts, 'Waiting: the base fee is above the ceiling');
      priced.add(intent.key);
      return 'wait';
    }
    priced.clear();
    // One that expired may still be waiting under this nonce.
    const rival = await findHighestFees(database, ref, { sender: fromHex(from, 20), nonce });
    if (rival === undefined && mustWaitForStranger(account)) return 'wait';
    const fees = (rival && raiseFees(rival, market, maxFeePerGasWei)) ?? market;
    // The state may have changed a little by the time that it is mined; what is left over is not paid for.
    const gasLimit = estimate.gas + estimate.gas / 5n;
    if (account.balanceWei < gasLimit * fees.maxFeeWei) throw insufficientFunds(from, account.balanceWei);
    signal.throwIfAborted();
    const id = await recordIntent(database, ref, {
      ...{ kind: intent.kind, key: intent.key, nonce, gasLimit, deadline: intent.deadline },
      sender: fromHex(from, 20),
      recipient: fromHex(intent.to, 20),
      data: fromHex(intent.data),
    });
    if (id === undefined) throw leaseLost();
    return follower.start(intent.key, { fees, signal, isDone: intent.isDone });
  }

  /**
   * A transaction of this wallet waits that no database of ours knows, such as one from before a database was lost: it may
   * do the very same. It is given time to get into a block; then its nonce is taken from it.
   */
  function mustWaitForStranger({ nonce, pendingNonce }: AccountView): boolean {
    if (pendingNonce <= nonce) {
      strangerSince = undefined;
      return false;
    }
    if (strangerSince?.nonce !== nonce) strangerSince = { nonce, at: performance.now() };
    const isWaiting = performance.now() - strangerSince.at < stuckAfterMs;
    log.info(
      { nonce: String(nonce), sender: signer.address },
      isWaiting
        ? 'Waiting: a transaction of this wallet is pending that was not sent from this database'
        : 'Replacing the pending transaction of this wallet, which does not get into a block',
    );
    return isWaiting;
  }
}

function insufficientFunds(address: string, balanceWei: bigint): ExternalError {
  return new ExternalError(
    'insufficient-funds',
    `The wallet ${address} holds ${balanceWei} wei, which does not pay for the transaction.`,
    { hint: 'Send it some of the chain’s currency.', retryable: true },
  );
}
