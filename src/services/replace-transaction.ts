import type { Session } from '../db/database.ts';
import type { LeaseScope } from '../db/leases.ts';
import {
  findTransactionById,
  listOpenTransactions,
  requestReplacement,
  type StoredTransaction,
} from '../db/transactions.ts';
import { OperatorError } from '../lib/errors.ts';

/**
 * Asks the operator to replace its transaction: by one that offers more, or by one that does nothing. Only the operator
 * that holds the lease can sign and send it; it does so within a slot, or when it is started.
 * @param options.id - default: the one that is under way
 * @param options.feeCeilingWei - for `bump`: what this transaction may offer, in place of the operator's own ceiling
 * @returns the transaction as it was
 * @throws OperatorError 'no-transaction' when it is not under way
 */
export async function askForReplacement(
  database: Session,
  scope: LeaseScope,
  options: {
    readonly id: bigint | undefined;
    readonly request: 'bump' | 'cancel';
    readonly feeCeilingWei?: bigint | undefined;
  },
): Promise<StoredTransaction> {
  const { id, ...replacement } = options;
  const row =
    id === undefined
      ? (await listOpenTransactions(database, scope))[0]
      : await findTransactionById(database, scope, id);
  if (row === undefined) {
    const what =
      id === undefined ? 'No transaction of this vault is under way.' : `There is no transaction ${id}.`;
    throw new OperatorError('no-transaction', what, { hint: 'See "tx list".' });
  }
  if (await requestReplacement(database, scope, row.id, replacement)) return row;
  throw new OperatorError('no-transaction', `Transaction ${row.id} is not under way: it is ${row.state}.`, {
    hint: 'Only what waits for a block can be replaced.',
  });
}
