import type { Hex } from '../lib/bytes.ts';

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
