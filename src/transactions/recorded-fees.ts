import { readRecordedTransaction } from '../clients/execution/read-transactions.ts';
import type { Session } from '../db/database.ts';
import type { LeaseScope } from '../db/leases.ts';
import { listForms, type NewTransaction } from '../db/transactions.ts';
import { equalBytes } from '../lib/bytes.ts';
import type { Fees } from './transaction-fees.ts';

/** The highest fees that recorded forms of a nonce offer. */
export interface RecordedFees {
  /** The highest ones of this vault; undefined when it has none. */
  readonly own: Fees | undefined;
  /** The highest ones of all vaults that have the wallet. */
  readonly all: Fees | undefined;
}

/**
 * The highest fees that recorded forms of a nonce offer: of this vault, and of all that have the wallet. They are read
 * from what the wallet has signed, not from what stands beside it in the row.
 */
export async function findHighestFees(
  session: Session,
  scope: LeaseScope,
  { sender, nonce }: Pick<NewTransaction, 'sender' | 'nonce'>,
): Promise<RecordedFees> {
  const forms = (await listForms(session, scope, { sender, nonce })).flatMap(({ raw, isOfVault }) => {
    const form = readRecordedTransaction(raw);
    const isSigned =
      form !== undefined &&
      form.chainId === BigInt(scope.chainId) &&
      form.nonce === nonce &&
      equalBytes(form.from, sender);
    return isSigned ? [{ form, isOfVault }] : [];
  });
  return {
    own: highest(forms.filter(({ isOfVault }) => isOfVault).map(({ form }) => form)),
    all: highest(forms.map(({ form }) => form)),
  };
}

function highest(fees: readonly Fees[]): Fees | undefined {
  const [first, ...others] = fees;
  if (first === undefined) return undefined;
  return others.reduce<Fees>(
    (most, one) => ({
      maxFeeWei: most.maxFeeWei > one.maxFeeWei ? most.maxFeeWei : one.maxFeeWei,
      maxPriorityFeeWei:
        most.maxPriorityFeeWei > one.maxPriorityFeeWei ? most.maxPriorityFeeWei : one.maxPriorityFeeWei,
    }),
    { maxFeeWei: first.maxFeeWei, maxPriorityFeeWei: first.maxPriorityFeeWei },
  );
}
