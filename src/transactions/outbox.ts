import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionNode } from '../clients/execution/execution-node.ts';
import { type AccountView, estimateCall, readAccount } from '../clients/execution/read-transactions.ts';
import type { WalletSigner } from '../clients/signer/wallet-signer.ts';
import type { Database } from '../db/database.ts';
import type { LeaseRef } from '../db/leases.ts';
import {
  adoptTransaction,
  authenticateIntent,
  findTransaction,
  listOpenTransactions,
  type NewTransaction,
  recordIntent,
  type StoredTransaction,
} from '../db/transactions.ts';
import { takeTurn } from '../db/wallet-turns.ts';
import { fromHex } from '../lib/bytes.ts';
import { ExternalError } from '../lib/errors.ts';
import { ADDRESS_LENGTH } from '../lib/lengths.ts';
import { createLimit } from '../lib/limit.ts';
import type { Logger } from '../lib/logger.ts';
import { IntentProofs, type JudgedTransaction } from './intent-proofs.ts';
import { type Lease, leaseLost } from './lease.ts';
import { findHighestFees } from './recorded-fees.ts';
import type { TransactionIntent, TransactionOutcome } from './transaction.ts';
import type { AttemptDeps } from './transaction-attempts.ts';
import { chooseFees, raiseFees } from './transaction-fees.ts';
import {
  createTransactionFollower,
  type FollowerOptions,
  type TransactionFollower,
} from './transaction-follower.ts';

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
  /** But for those of which `tx bump` has asked for more, up to this. Default: no more. */
  readonly maxBumpFeePerGasWei?: bigint | undefined;
  /** Pause between looks at the chain: a slot. */
  readonly pollMs: number;
  /** How long a transaction waits before it is replaced by one that offers more. Default: four slots. */
  readonly stuckAfterMs?: number | undefined;
  /** How long `reconcile` waits for one that is under way. Default: three slots. */
  readonly reconcileWaitMs?: number | undefined;
}

/**
 * The only way by which transactions leave. It keeps to these rules, so that no intent ever becomes two:
 * - A transaction has the first nonce that no block has used, and all its signed forms have that same nonce: of them the
 *   chain takes one. That excludes, too, what a stopped process sends when it wakes, and what a lost database knew of.
 * - Nothing is broadcast that is not in the database, and nothing gets into the database without the lease.
 * - The next one begins when the one before has its receipt, or can never have one.
 * - Nothing is signed because a row says so: the call must be one that this wallet's operator has recorded, and still do
 *   something on the chain; what it may cost is this process's own setting.
 */
export function createOutbox(given: OutboxDeps, options: OutboxOptions): Outbox {
  const { database, lease } = given;
  const ref: LeaseRef = {
    chainId: options.chainId,
    vault: fromHex(options.vault, ADDRESS_LENGTH),
    epoch: lease.epoch,
  };
  const { pollMs, reconcileWaitMs = 3 * pollMs, maxFeePerGasWei } = options;
  const deps: SenderDeps = { ...given, proofs: new IntentProofs(given.signer, ref) };
  const settings: SenderSettings = {
    pollMs,
    stuckAfterMs: options.stuckAfterMs ?? 4 * pollMs,
    maxFeePerGasWei,
    maxBumpFeePerGasWei: options.maxBumpFeePerGasWei ?? maxFeePerGasWei,
  };
  const follower = createTransactionFollower(deps, ref, settings);
  const sender = createSender(deps, ref, settings, follower);
  const limit = createLimit(1);

  /** Does steps one at a time; the lease's end ends every one. */
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
          await settle(deps, ref, settings, follower, row, both, reconcileWaitMs);
        }
      }),
    async hasPending(kind) {
      const open = await listOpenTransactions(database, ref);
      return open.some(row => kind === undefined || row.kind === kind);
    },
  };
}

type SenderDeps = AttemptDeps;
type SenderSettings = FollowerOptions;

/** Takes a transaction over for this holder, and has its row say what this operator may be asked to offer. */
async function adopt(
  { database, proofs }: SenderDeps,
  ref: LeaseRef,
  { maxBumpFeePerGasWei: bumpCeilingWei }: SenderSettings,
  row: JudgedTransaction,
  options: { readonly reopen?: boolean | undefined } = {},
): Promise<void> {
  if (!(await adoptTransaction(database, ref, row.id, options))) throw leaseLost();
  if (!row.isProven || row.bumpCeilingWei === bumpCeilingWei) return;
  const mac = await proofs.macIntent({ ...row, bumpCeilingWei });
  if (!(await authenticateIntent(database, ref, row.id, { mac, bumpCeilingWei }))) throw leaseLost();
}

/** Brings a transaction that was left under way to its end, unless that takes too long. */
async function settle(
  deps: SenderDeps,
  ref: LeaseRef,
  settings: SenderSettings,
  follower: TransactionFollower,
  stored: StoredTransaction,
  signal: AbortSignal,
  waitMs: number,
): Promise<void> {
  const row = await deps.proofs.judge(stored);
  await adopt(deps, ref, settings, row);
  if (row.attempts.some(one => row.isProven || one.nonce === row.nonce)) {
    await follower.followFor(waitMs, row.key, { signal });
    return;
  }
  // What was not recorded was not broadcast, and can no longer be recorded by whoever signed it.
  const reason = stored.attempts.length === 0 ? 'it was never signed' : 'no form of it is of its sender';
  await follower.close(row, { state: 'abandoned', reason });
}

/** One try to send; 'wait' when it is to be made again after a pause, in which others may send. */
type Sender = (intent: TransactionIntent, signal: AbortSignal) => Promise<TransactionOutcome | 'wait'>;

function createSender(
  deps: SenderDeps,
  ref: LeaseRef,
  settings: SenderSettings,
  follower: TransactionFollower,
): Sender {
  const { database, node, signer, proofs, log } = deps;
  const { maxFeePerGasWei, maxBumpFeePerGasWei, stuckAfterMs } = settings;
  /** Since when something that is not ours has had the nonce. */
  let rivalSince: { readonly what: string; readonly at: number } | undefined;
  /** Keys of calls that wait for a lower base fee and have been told of: that may take days. */
  const priced = new Set<string>();

  return async (intent, signal) => {
    for (const row of await listOpenTransactions(database, ref)) {
      if (row.key === intent.key) continue;
      await settle(deps, ref, settings, follower, row, signal, Number.POSITIVE_INFINITY);
    }
    const stored = await findTransaction(database, ref, intent.key);
    const joined = stored && (await join(stored, intent, signal));
    if (joined !== undefined) return joined;
    return begin(intent, signal, stored?.id);
  };

  /** What the recorded transaction of this key says; undefined when it has done nothing and never will. */
  async function join(
    stored: StoredTransaction,
    intent: TransactionIntent,
    signal: AbortSignal,
  ): Promise<TransactionOutcome | undefined> {
    const row = await proofs.judge(stored);
    const isOpen = row.state === 'intended' || row.state === 'sent';
    if (!row.isProven || row.attempts.length === 0) {
      if (isOpen) await settle(deps, ref, settings, follower, stored, signal, Number.POSITIVE_INFINITY);
      return follower.findSuccess(row, callOf(intent));
    }
    if (row.state === 'intended') await settle(deps, ref, settings, follower, stored, signal, 0);
    if (row.state !== 'sent') {
      const outcome = await follower.recheck(row);
      if (outcome !== 'gone') return outcome;
    }
    // Also one whose end is no longer what was recorded: its nonce decides.
    await adopt(deps, ref, settings, row, { reopen: true });
    return follower.follow(row.key, { signal, isDone: intent.isDone });
  }

  async function begin(
    intent: TransactionIntent,
    signal: AbortSignal,
    replaces: bigint | undefined,
  ): Promise<TransactionOutcome | 'wait'> {
    const from = signer.address;
    const account = await readAccount(node, from);
    if (intent.deadline !== undefined && account.block.timestamp >= intent.deadline)
      return { status: 'expired' };
    if (await intent.isDone?.()) return { status: 'already-done' };
    const { to, data, valueWei = 0n } = intent;
    const estimate = await estimateCall(node, { from, to, data, valueWei });
    if (estimate.status === 'reverts') {
      return { status: 'would-revert', reason: estimate.reason, data: estimate.data };
    }
    const { priorityFeeWei, nonce } = account;
    const market = chooseFees({ ...account.block, priorityFeeWei }, maxFeePerGasWei);
    if (market === undefined) {
      const facts = {
        kind: intent.kind,
        baseFeePerGasWei: String(account.block.baseFeePerGasWei),
        ceilingWei: String(maxFeePerGasWei),
      };
      if (!priced.has(intent.key)) log.info(facts, 'Waiting: the base fee is above the ceiling');
      priced.add(intent.key);
      return 'wait';
    }
    priced.clear();
    const wallet = fromHex(from, ADDRESS_LENGTH);
    // One that expired may still be waiting under this nonce.
    const rivals = await findHighestFees(database, ref, { sender: wallet, nonce });
    const fees = (rivals.all && raiseFees(rivals.all, market, maxFeePerGasWei)) ?? market;
    // The state may have changed a little by the time that it is mined; what is left over is not paid for.
    const gasLimit = estimate.gas + estimate.gas / 5n;
    if (account.balanceWei < gasLimit * fees.maxFeeWei + valueWei) {
      throw insufficientFunds(from, account.balanceWei);
    }
    if (await mustWaitForRival(account, wallet, rivals.own !== undefined)) return 'wait';
    signal.throwIfAborted();
    const { kind, key, deadline } = intent;
    await record(
      {
        ...callOf(intent),
        kind,
        key,
        sender: wallet,
        nonce,
        gasLimit,
        deadline,
        bumpCeilingWei: maxBumpFeePerGasWei,
      },
      replaces,
    );
    return follower.start(intent.key, { fees, signal, isDone: intent.isDone });
  }

  /** The tag is made of what is wanted, not of what the row says by then. */
  async function record(intent: NewTransaction, replaces: bigint | undefined): Promise<void> {
    const id = await recordIntent(database, ref, intent, { replaces });
    if (id === undefined) throw leaseLost();
    const { bumpCeilingWei } = intent;
    const mac = await proofs.macIntent({ ...intent, id });
    if (!(await authenticateIntent(database, ref, id, { mac, bumpCeilingWei }))) throw leaseLost();
  }

  /**
   * Another vault with this wallet may have begun to send, or a transaction of this wallet waits that no database of ours
   * knows, such as one from before a database was lost: it may do the very same. It is given time to get into a block;
   * then its nonce is taken from it. Another vault that offers more for its own has been at work since.
   */
  async function mustWaitForRival(
    { nonce, pendingNonce }: AccountView,
    wallet: Uint8Array,
    isOwn: boolean,
  ): Promise<boolean> {
    const facts = { nonce: String(nonce), sender: signer.address };
    const turnSince = await takeTurn(database, ref, { wallet, nonce });
    const isStranger = !isOwn && pendingNonce > nonce;
    if (turnSince === undefined && !isStranger) {
      rivalSince = undefined;
      return false;
    }
    const what = `${nonce} ${turnSince?.toISOString() ?? ''}`;
    if (rivalSince?.what !== what) rivalSince = { what, at: performance.now() };
    const isWaiting = performance.now() - rivalSince.at < stuckAfterMs;
    const whose =
      turnSince === undefined
        ? 'transaction of this wallet is pending that was not sent from this database'
        : 'transaction of this wallet is under way for another vault';
    log.info(
      facts,
      isWaiting
        ? `Waiting: a ${whose}`
        : 'Replacing the pending transaction of this wallet, which does not get into a block',
    );
    if (!isWaiting && turnSince !== undefined) {
      await takeTurn(database, ref, { wallet, nonce, force: true });
    }
    return isWaiting;
  }
}

function callOf({
  to,
  data,
  valueWei = 0n,
}: TransactionIntent): Pick<StoredTransaction, 'recipient' | 'data' | 'valueWei'> {
  return { recipient: fromHex(to, ADDRESS_LENGTH), data: fromHex(data), valueWei };
}

function insufficientFunds(address: string, balanceWei: bigint): ExternalError {
  return new ExternalError(
    'insufficient-funds',
    `The wallet ${address} holds ${balanceWei} wei, which does not pay for the transaction.`,
    { hint: 'Send it some of the chain’s currency.', retryable: true },
  );
}
