import { findAssignmentPlan } from '../../../db/assignments.ts';
import type { Session } from '../../../db/database.ts';
import { listValidatorPublicKeys } from '../../../db/keypairs.ts';
import { findStatement } from '../../../db/statements.ts';
import type { Vault } from '../../../db/vaults.ts';
import { operatorDigest, planDigest, validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import { depositDataDigest, openStatement, type Statement } from '../../../domain/fleet/statement.ts';
import type { StatementSigner } from '../../../domain/keys/signing-key.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import { findOperatorFacts } from '../read-operator-facts.ts';
import { findVaultSigner } from '../statements/vault-signing-key.ts';
import type { UnlockedVault } from '../unlock-vault.ts';
import { findingOf } from './finding-of.ts';

export interface CheckedStatement {
  /** The key that signs the vault's facts, 32 bytes; undefined when it has none, or one that does not open. */
  readonly verifyingKey: Uint8Array | undefined;
  /** Whether the plan of validator clients is signed: where there is none, it is not. */
  readonly isPlanSigned: boolean;
  readonly findings: readonly string[];
}

/** What commands without the encryption key are to believe. A vault of an earlier version has signed nothing yet. */
export async function checkStatement(
  session: Session,
  vault: Vault,
  unlocked: UnlockedVault,
): Promise<CheckedStatement> {
  let signer: StatementSigner | undefined;
  const ofSigner = await findingOf(async () => {
    signer = await findVaultSigner(session, unlocked);
  });
  const verifyingKey = signer?.verifyingKey;
  const unsigned = { verifyingKey, isPlanSigned: false };
  const signed = await findStatement(session, vault.vaultId);
  if (verifyingKey === undefined) {
    if (signed === undefined) return { ...unsigned, findings: ofSigner };
    return {
      ...unsigned,
      findings: [...ofSigner, "The key that has signed the vault's facts is not there."],
    };
  }
  if (signed === undefined && vault.manifestCounter === 0n) return { ...unsigned, findings: [] };
  const statement = signed && openStatement(verifyingKey, unlocked.context, signed);
  if (statement === undefined) {
    return { ...unsigned, findings: ["The vault's facts are not signed by its key."] };
  }
  return { verifyingKey, ...(await compareWithStatement(session, vault, statement)) };
}

async function compareWithStatement(
  session: Session,
  vault: Vault,
  statement: Statement,
): Promise<Pick<CheckedStatement, 'isPlanSigned' | 'findings'>> {
  const findings: string[] = [];
  const facts = await findOperatorFacts(session, vault);
  const publicKeys = await listValidatorPublicKeys(session, vault.vaultId);
  const isSame =
    statement.manifestCounter === vault.manifestCounter &&
    equalBytes(statement.validatorsDigest, validatorsDigest(publicKeys)) &&
    isEqual(statement.depositDataRoot, vault.depositDataRoot) &&
    isEqual(statement.depositDataDigest, facts ? depositDataDigest(facts.document) : null) &&
    facts !== undefined &&
    equalBytes(statement.operatorDigest, operatorDigest(facts));
  if (!isSame) findings.push("The vault's facts are not those that were signed.");
  const plan = await findAssignmentPlan(session, vault.vaultId).catch(() => undefined);
  const isPlanSigned = plan !== undefined && isEqual(statement.planDigest, planDigest(plan));
  if (statement.planDigest !== null && !isPlanSigned)
    findings.push('The plan of validator clients is not the one that was signed.');
  return { isPlanSigned, findings };
}

function isEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}
