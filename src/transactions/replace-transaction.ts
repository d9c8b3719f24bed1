import { formatUnits } from 'ethers/utils';
import type { Session } from '../db/database.ts';
import type { LeaseScope } from '../db/leases.ts';
import {
  findTransactionById,
  isUnderWay,
  listOpenTransactions,
  requestReplacement,
  type StoredTransaction,
} from '../db/transactions.ts';
import { OperatorError, UsageError } from '../lib/errors.ts';

/**
 * Asks the operator to replace its transaction: by one that offers more, or by one that does nothing. Only the operator
 * that holds the lease can sign and send it; it does so within a slot, or when it is started.
 * @param options.id - default: the one that is under way
 * @param options.feeCeilingWei - for `bump`: what this transaction may offer, in place of the operator's own ceiling
 * @returns the transaction as it was
 * @throws OperatorError 'no-transaction' when it is not under way; UsageError 'bump-above-ceiling' when its operator was
 *   not started to offer so much, which it would not do
 */
export async function askForReplacement(
  database: Session,
  scope: LeaseScope,
  options: {
    readonly id: bigint | undefined;
    readonly request: 'bump' | 'cancel';
    readonly feeCeilingWei?: bigint | undefined;
    /** Looks whether it could be asked, and asks nothing. */
    readonly check?: boolean | undefined;
  },
): Promise<StoredTransaction> {
  const { id, check, ...replacement } = options;
  const row =
    id === undefined
      ? (await listOpenTransactions(database, scope))[0]
      : await findTransactionById(database, scope, id);
  if (row === undefined) {
    const what =
      id === undefined ? 'No transaction of this vault is under way.' : `There is no transaction ${id}.`;
    throw new OperatorError('no-transaction', what, { hint: 'See "tx list".' });
  }
  if (options.request === 'bump') requireBump(row, options.feeCeilingWei);
  const isAsked = check ? isUnderWay(row) : await requestReplacement(database, scope, row.id, replacement);
  if (isAsked) return row;
  throw new OperatorError('no-transaction', `Transaction ${row.id} is not under way: it is ${row.state}.`, {
    hint: 'Only what waits for a block can be replaced.',
  });
}

/** Says beforehand what the operator would not do: it has a limit of its own, and signs nothing that it has not recorded. */
function requireBump(
  { id, bumpCeilingWei, mac }: StoredTransaction,
  feeCeilingWei: bigint | undefined,
): void {
  if (mac === undefined || bumpCeilingWei === undefined) {
    throw new OperatorError(
      'no-bump',
      `Transaction ${id} has no tag of the operator’s wallet, as one of an older version: it is not signed anew.`,
      { hint: 'It still waits for a block, and can be cancelled by "tx cancel".' },
    );
  }
  if (feeCeilingWei === undefined || feeCeilingWei <= bumpCeilingWei) return;
  throw new UsageError(
    'bump-above-ceiling',
    `--max-fee-per-gas-gwei is ${formatGwei(feeCeilingWei)}; the operator offers ${formatGwei(bumpCeilingWei)} gwei at most.`,
    { hint: 'Start the operator with a higher --max-fee-per-gas-gwei-bump, or ask for less.' },
  );
}

function formatGwei(wei: bigint): string {
  return formatUnits(wei, 'gwei').replace(/\.0$/, '');
}
