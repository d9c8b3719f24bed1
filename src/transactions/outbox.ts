import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionNode } from '../clients/execution/execution-node.ts';
import type { WalletSigner } from '../clients/signer/wallet-signer.ts';
import type { Database } from '../db/database.ts';
import type { LeaseRef } from '../db/leases.ts';
import { listOpenTransactions } from '../db/transactions.ts';
import { fromHex } from '../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../lib/lengths.ts';
import { createLimit } from '../lib/limit.ts';
import type { Logger } from '../lib/logger.ts';
import type { FollowRules } from './decide-step.ts';
import type { ExpectedCall, Shortfall } from './expected-funds.ts';
import { IntentProofs } from './intent-proofs.ts';
import type { Lease } from './lease.ts';
import type {
  OnTransactionBlock,
  OnTransactionPending,
  TransactionIntent,
  TransactionOutcome,
} from './transaction.ts';
import type { AttemptDeps } from './transaction-attempts.ts';
import type { PriorityFeeRules } from './transaction-fees.ts';
import { TransactionFollower } from './transaction-follower.ts';
import { TransactionSender } from './transaction-sender.ts';

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
  /**
   * What the wallet holds when that is known not to pay for a transaction that is about to be prepared: others need not be
   * asked for their part in it. Undefined when it may.
   */
  findShortfall(expected: ExpectedCall): Promise<Shortfall | undefined>;
  /** Whether a transaction is under way, of one kind or of any. */
  hasPending(kind?: TransactionIntent['kind']): Promise<boolean>;
}

export interface OutboxDeps {
  readonly database: Database;
  readonly node: ExecutionNode;
  readonly signer: WalletSigner;
  readonly lease: Lease;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly onBlock?: OnTransactionBlock | undefined;
  readonly onPending?: OnTransactionPending | undefined;
}

export interface OutboxOptions {
  readonly chainId: number;
  readonly vault: string;
  /** No transaction offers more for its gas. */
  readonly maxFeePerGasWei: bigint;
  /** The limit of those for which `tx bump` has asked for more. Default: no more. */
  readonly maxBumpFeePerGasWei?: bigint | undefined;
  /** Default: the node's advice. */
  readonly priorityFee?: PriorityFeeRules | undefined;
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
  const deps: AttemptDeps = { ...given, proofs: new IntentProofs(given.signer, ref) };
  const rules: FollowRules = {
    pollMs,
    stuckAfterMs: options.stuckAfterMs ?? 4 * pollMs,
    maxFeePerGasWei,
    maxBumpFeePerGasWei: options.maxBumpFeePerGasWei ?? maxFeePerGasWei,
    priorityFee: options.priorityFee,
  };
  const follower = new TransactionFollower(deps, ref, rules);
  const sender = new TransactionSender(deps, ref, rules, follower);
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
      try {
        for (;;) {
          const outcome = await exclusively(signal, both => sender.send(intent, both));
          if (outcome !== 'wait') return outcome;
          await sleep(pollMs, undefined, { signal: AbortSignal.any([signal, lease.signal]) });
        }
      } finally {
        given.onBlock?.(intent.kind, undefined);
      }
    },
    reconcile: signal =>
      exclusively(signal, async both => {
        for (const row of await listOpenTransactions(database, ref)) {
          await sender.settle(row, both, reconcileWaitMs);
        }
      }),
    findShortfall: expected => sender.findShortfall(expected),
    async hasPending(kind) {
      const open = await listOpenTransactions(database, ref);
      return open.some(row => kind === undefined || row.kind === kind);
    },
  };
}
