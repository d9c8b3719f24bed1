import type { Session } from '../../../db/database.ts';
import type { LeaseScope } from '../../../db/leases.ts';
import { findLastConfirmed } from '../../../db/transactions.ts';

/** Block of the last top-ups that operators of this vault have sent, as their database has it; undefined where it has none. */
export async function findLastFunding(session: Session, scope: LeaseScope): Promise<number | undefined> {
  const last = await findLastConfirmed(session, scope, 'fund-validators ');
  return last && Number(last.minedBlock);
}
