import type { AttemptsView } from '../clients/execution/read-transactions.ts';
import { type AskedFacts, type EndStep, endConfirmed, formOf, isSuccessfulCall } from './decide-step.ts';
import type { JudgedTransaction } from './intent-proofs.ts';
import type { TransactionOutcome } from './transaction.ts';

export type RecheckStep =
  | { readonly kind: 'ask'; readonly fact: 'nonceTaker' }
  /** Records the success of what had seemed to fail. */
  | EndStep
  /** The success that is recorded is still one. */
  | { readonly kind: 'stands'; readonly outcome: TransactionOutcome }
  /** What it does is to be found out anew. */
  | { readonly kind: 'gone' }
  /** It has done nothing and never will. */
  | { readonly kind: 'did-nothing' };

/** Says what a transaction that has ended really did, which may be something else than was recorded. */
export function decideRecheck(
  row: JudgedTransaction,
  view: AttemptsView & Pick<AskedFacts, 'nonceTaker'>,
): RecheckStep {
  const success = view.receipts.find(one => isSuccessfulCall(row, one));
  if (success !== undefined) {
    const confirmed = endConfirmed(success);
    return row.state === 'confirmed' ? { kind: 'stands', outcome: confirmed.outcome } : confirmed;
  }
  // Its block is no longer part of the chain.
  if (row.state === 'confirmed') return { kind: 'gone' };
  if (row.state !== 'abandoned' || view.nonce <= row.nonce) return { kind: 'did-nothing' };
  // It was not waited for, and its nonce is taken: perhaps by itself, before the node tells of the receipt.
  if (view.nonceTaker === undefined) return { kind: 'ask', fact: 'nonceTaker' };
  const isOwn = view.nonceTaker !== 'unknown' && formOf(row, view.nonceTaker) !== undefined;
  return { kind: isOwn ? 'gone' : 'did-nothing' };
}
