import type { Hex } from '../lib/bytes.ts';

/** What transactions are for. */
export const TRANSACTION_KINDS = [
  'register-validators',
  'update-exit-signatures',
  'harvest',
  'fund-validators',
  'withdraw-validators',
] as const;

/** A call of a contract that must happen once. */
export interface TransactionIntent {
  readonly kind: (typeof TRANSACTION_KINDS)[number];
  /**
   * What makes two intents the same: of all with one key, only one ever becomes a transaction that succeeds. A call that is
   * right more than once has its occasion in its key, see `keyOfOccasion`.
   */
  readonly key: string;
  readonly to: string;
  readonly data: Hex;
  /** How many validators it is about; kept for the wallet's sake, see `Outbox.findShortfall`. Default: none. */
  readonly validators?: number | undefined;
  /** Default: no ether. */
  readonly valueWei?: bigint | undefined;
  /** Unix seconds on the chain's clock: in a later block the contract refuses the call. */
  readonly deadline?: bigint | undefined;
  /** Whether nothing is lost when it waits until the ceiling leaves room for twice the base fee. Default: it is sent below the ceiling. */
  readonly isPatient?: boolean | undefined;
  /** Whether the contract's own state says that it has been done: by somebody else, or before a database was lost. */
  readonly isDone?: IsSoAt | undefined;
  /**
   * Whether the chain has moved past the occasion that the call was planned for, so that another plan has to be made: it is
   * not sent then, and taken back while it waits. Asked after `isDone`, before anything is signed.
   */
  readonly isOutdated?: IsSoAt | undefined;
}

/** @param head - block that a node has told of: what the answer is read from is not to be older */
type IsSoAt = (head: number) => Promise<boolean>;

/** Why a call waits to be sent, or to get into a block, although nothing has failed. */
type TransactionBlock =
  /** The chain asks for more than this operator may offer. */
  'fee-ceiling';

/** Is told what a call of this kind waits for, and undefined when it goes on. */
export type OnTransactionBlock = (kind: string, block: TransactionBlock | undefined) => void;

/**
 * Is told since when a transaction of this kind is under way (milliseconds since 1970), and undefined when it has ended.
 */
export type OnTransactionPending = (kind: string, sinceMs: number | undefined) => void;

export type TransactionOutcome =
  | { readonly status: 'confirmed'; readonly hash: Hex; readonly blockNumber: number }
  | { readonly status: 'reverted'; readonly hash: Hex; readonly reason: string }
  /** The simulation failed: nothing was sent. `data` is what the contract reverted with. */
  | { readonly status: 'would-revert'; readonly reason: string; readonly data: Hex | undefined }
  /** The deadline has passed, before or after the transaction was sent; it can do nothing any more. */
  | { readonly status: 'expired' }
  | { readonly status: 'already-done' }
  /** Its occasion has passed: it never happens, and is to be planned anew. */
  | { readonly status: 'outdated' }
  /** Another transaction took the nonce (`tx cancel`, or another program with this wallet): the call never happens. */
  | { readonly status: 'cancelled'; readonly hash: Hex | undefined };
