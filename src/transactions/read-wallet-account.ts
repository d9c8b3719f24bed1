import { type AccountView, readAccount } from '../clients/execution/read-transactions.ts';
import type { TransactionIntent } from './transaction.ts';
import type { AttemptDeps } from './transaction-attempts.ts';
import { type PriorityFeeRules, withPriorityFee } from './transaction-fees.ts';

/** Kinds of calls that must not wait: what oracles have approved is void soon. */
const HURRIED: readonly string[] = ['register-validators'] satisfies readonly TransactionIntent['kind'][];

/**
 * The wallet's account, with the priority fee that a call of this kind offers now.
 * @param kind - that of a recorded row may be one that this program does not know
 */
export async function readWalletAccount(
  { node, signer }: Pick<AttemptDeps, 'node' | 'signer'>,
  kind: string,
  rules: PriorityFeeRules = {},
): Promise<AccountView> {
  const history = HURRIED.includes(kind) ? rules.history : undefined;
  return withPriorityFee(await readAccount(node, signer.address, history), rules);
}
