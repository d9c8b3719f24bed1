import { nameList } from '../../../lib/name-list.ts';
import { countOf } from '../../../lib/plural.ts';
import type { PlannedStaking } from './plan-vault-staking.ts';

/** What is told of validators whose top-ups the vault would refuse. */
export function describeUntracked({ untracked }: PlannedStaking): string | undefined {
  if (untracked.length === 0) return undefined;
  return `${countOf(untracked.length, 'validator')} cannot be topped up, since the vault has neither registered nor switched them with 0x02 credentials: ${nameList(untracked)}`;
}

/** What is waited for with assets that are kept for top-ups; the same text as long as nothing changes. */
export function describeReserved({
  reservedGwei,
  fundableFromBlock,
  lastFundingBlock,
}: PlannedStaking): string | undefined {
  if (reservedGwei === 0n) return undefined;
  return `block ${fundableFromBlock}, in which validators may be topped up again: ${reservedGwei} gwei are kept for that, and the last top-up was in block ${lastFundingBlock} (--min-deposit-delay)`;
}
