import { type AssignmentPlan, findAssignmentPlan } from '../../db/assignments.ts';
import { type Database, inSnapshot } from '../../db/database.ts';
import { listValidatorPublicKeys } from '../../db/keypairs.ts';
import type { VaultFacts } from '../../db/vaults.ts';
import { planDigest, validatorsDigest } from '../../domain/fleet/fact-digests.ts';
import { DifferencesError } from '../../lib/errors.ts';
import { type FoundRetiredKeys, readRetiredKeys } from '../remote-db/retired/read-retired-keys.ts';
import {
  assertPlanSigned,
  assertSigned,
  type ProvenStatement,
  requireStatement,
} from '../remote-db/statements/signed-statement.ts';
import { requireVault, type VaultRef } from '../remote-db/vault-ref.ts';

export interface SignedPlan {
  readonly vault: VaultFacts;
  readonly plan: AssignmentPlan;
  readonly proven: ProvenStatement;
  readonly retired: FoundRetiredKeys;
}

/**
 * The plan of validator clients that the vault's key has signed, in one state of the database. Nothing is stored.
 * @throws OperatorError of {@link requireStatement} and {@link readRetiredKeys}, 'statement-mismatch', 'plan-not-signed'; DifferencesError
 *   'keys-would-move' when the plan is for another number of clients
 */
export function readSignedPlan(
  database: Database,
  options: { readonly ref: VaultRef; readonly totalClients: number; readonly verifyingKey: Uint8Array },
): Promise<SignedPlan> {
  const { ref, totalClients } = options;
  return inSnapshot(database, async session => {
    const vault = await requireVault(session, ref);
    const proven = await requireStatement(session, vault, options);
    const publicKeys = await listValidatorPublicKeys(session, vault.vaultId);
    assertSigned(ref, 'The validators', validatorsDigest(publicKeys), proven.statement.validatorsDigest);
    const plan = await findAssignmentPlan(session, vault.vaultId);
    assertPlanSigned(ref, plan === undefined ? null : planDigest(plan), proven);
    if (plan === undefined) throw new Error('a plan that was signed is missing');
    if (plan.totalClients !== totalClients) {
      throw new DifferencesError(
        'keys-would-move',
        `The signed plan is for ${plan.totalClients} validator clients, not for ${totalClients}.`,
        {
          hint: 'Give that number. To change it, stop the clients that lose keys and run "remote-db assign --reassign --encrypt-key-file".',
        },
      );
    }
    const retired = await readRetiredKeys(session, vault.vaultId, { ref, proven });
    return { vault, plan, proven, retired };
  });
}
