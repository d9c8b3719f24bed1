import { findAssignmentPlan, type StoredPlan } from '../../../db/assignments.ts';
import type { Session } from '../../../db/database.ts';
import { compareBytes, equalBytes } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import type { Validators } from './read-validators.ts';

export interface CheckedPlan {
  /** The stored plan; undefined when there is none, or it cannot be read. */
  readonly plan: StoredPlan | undefined;
  readonly findings: readonly string[];
}

/** Checks the plan of validator clients against the validators, where there is one. */
export async function checkPlan(
  session: Session,
  vaultId: number,
  validators: Validators,
): Promise<CheckedPlan> {
  try {
    const plan = await findAssignmentPlan(session, vaultId);
    return { plan, findings: plan === undefined ? [] : findingsOf(plan, validators) };
  } catch (error) {
    if (!(error instanceof OperatorError && error.code === 'assignments-incomplete')) throw error;
    return { plan: undefined, findings: [error.message] };
  }
}

function findingsOf({ assignments, totalClients, isIntact }: StoredPlan, validators: Validators): string[] {
  const findings: string[] = [];
  const assigned = assignments.map(({ publicKey }) => publicKey).sort(compareBytes);
  const isSame =
    assigned.length === validators.length &&
    Iterator.from(validators).every(({ publicKey }, index) =>
      equalBytes(publicKey, assigned[index] ?? publicKey),
    );
  if (!isSame) findings.push('The plan of validator clients does not name every validator exactly once.');
  if (!isIntact) findings.push('The plan of validator clients is not as it was stored.');
  if (assignments.some(({ clientIndex }) => clientIndex >= totalClients)) {
    findings.push('The plan of validator clients names a client that does not exist.');
  }
  return findings;
}
