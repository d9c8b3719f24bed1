import { findAssignmentPlan, type StoredPlan } from '../../../db/assignments.ts';
import type { Session } from '../../../db/database.ts';
import type { Vault } from '../../../db/vaults.ts';
import { compareBytes, equalBytes } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';

/** Checks the plan of validator clients against the validators, where there is one. */
export async function checkPlan(
  session: Session,
  vault: Vault,
  publicKeys: readonly Uint8Array[],
): Promise<string[]> {
  let plan: StoredPlan | undefined;
  try {
    plan = await findAssignmentPlan(session, vault.vaultId);
  } catch (error) {
    if (!(error instanceof OperatorError && error.code === 'assignments-incomplete')) throw error;
    return [error.message];
  }
  if (plan === undefined) return [];
  const { totalClients } = plan;
  const findings: string[] = [];
  const assigned = plan.assignments.map(({ publicKey }) => publicKey).sort(compareBytes);
  const isSame =
    assigned.length === publicKeys.length &&
    assigned.every((key, index) => equalBytes(key, publicKeys[index] ?? key));
  if (!isSame) findings.push('The plan of validator clients does not name every validator exactly once.');
  if (!plan.isIntact) findings.push('The plan of validator clients is not as it was stored.');
  if (plan.assignments.some(({ clientIndex }) => clientIndex >= totalClients)) {
    findings.push('The plan of validator clients names a client that does not exist.');
  }
  return findings;
}
