import { findLastOperationBlock } from '../../../clients/execution/contracts/validator-operations.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { Session } from '../../../db/database.ts';
import type { LeaseScope } from '../../../db/leases.ts';
import { findLastConfirmed } from '../../../db/transactions.ts';
import { firstBlockAfter } from '../../../transactions/occasion.ts';
import type { TransactionIntent } from '../../../transactions/transaction.ts';

/** The last requests that the operator itself has made, as its database has them. */
export interface Submission {
  readonly block: number;
  /** Whether more was planned than was sent: the rest has not to wait. */
  readonly isPart: boolean;
}

const KIND = 'withdraw-validators';
const PART = ' and more';

/** Marks a call that is not all of its plan, so that a later process knows, too. */
export function asPart(intent: TransactionIntent): TransactionIntent {
  return { ...intent, key: `${intent.key}${PART}` };
}

/**
 * Marks a call that somebody has asked for by hand, which does not count for the operator's own interval, and is not held back.
 * @param lastBlock - behind it the plan is outdated
 */
export function asManual(intent: TransactionIntent, lastBlock: number): TransactionIntent {
  return {
    ...intent,
    key: `exit-validators ${intent.key}`,
    // Somebody sits before it, and has been told the cost.
    isPatient: false,
    isOutdated: async head => head > lastBlock || ((await intent.isOutdated?.(head)) ?? false),
  };
}

/** What the operator has requested last by itself; what somebody has asked for by hand has another key, and does not count. */
export async function findLastSubmission(
  session: Session,
  scope: LeaseScope,
): Promise<Submission | undefined> {
  const last = await findLastConfirmed(session, scope, `${KIND} `);
  return last && { block: Number(last.minedBlock), isPart: last.key.endsWith(PART) };
}

/** Whether the chain still has any request of the vault from about that block on: a reorganisation may have undone it. */
export async function isStillThere(
  node: ExecutionNode,
  vault: string,
  { block }: Submission,
  head: number,
): Promise<boolean> {
  const fromBlock = firstBlockAfter({ lastEventBlock: null, plannedAtBlock: block });
  const search = { kind: 'withdrawal', fromBlock, toBlock: head } as const;
  return (await findLastOperationBlock(node, vault, search)) !== null;
}
