import type { StoredPlan } from '../../../db/assignments.ts';
import type { Session } from '../../../db/database.ts';
import { listRetiredKeys } from '../../../db/retired-keys.ts';
import { findStatement } from '../../../db/statements.ts';
import type { Vault } from '../../../db/vaults.ts';
import { planDigest } from '../../../domain/fleet/fact-digests.ts';
import { openStatement, type Statement } from '../../../domain/fleet/statement.ts';
import type { StatementSigner } from '../../../domain/keys/signing-key.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import { areSigned } from '../retired/read-retired-keys.ts';
import { findVaultSigner } from '../statements/vault-signing-key.ts';
import type { UnlockedVault } from '../unlock-vault.ts';
import { findingOf } from './finding-of.ts';
import type { StoredFacts } from './read-facts.ts';

export interface CheckedStatement {
  /** The key that signs the vault's facts, 32 bytes; undefined when it has none, or one that does not open. */
  readonly verifyingKey: Uint8Array | undefined;
  /** Whether the plan of validator clients is signed: where there is none, it is not. */
  readonly isPlanSigned: boolean;
  readonly findings: readonly string[];
}

/** What a statement names. */
type FactsToCompare = Pick<StoredFacts, 'validators' | 'deposits' | 'operatorDigest'> & {
  readonly plan: StoredPlan | undefined;
};

/** What commands without the encryption key are to believe. A vault of an earlier version has signed nothing yet. */
export async function checkStatement(
  session: Session,
  vault: Vault,
  unlocked: UnlockedVault,
  facts: FactsToCompare,
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
  const compared = compareWithStatement(vault, facts, statement);
  const retired = await listRetiredKeys(session, vault.vaultId);
  const ofRetired = areSigned(retired, statement) ? [] : ['The retired keys are not those that were signed.'];
  return { verifyingKey, ...compared, findings: [...compared.findings, ...ofRetired] };
}

function compareWithStatement(
  vault: Vault,
  { validators, deposits, operatorDigest, plan }: FactsToCompare,
  statement: Statement,
): Pick<CheckedStatement, 'isPlanSigned' | 'findings'> {
  const findings: string[] = [];
  const isSame =
    statement.manifestCounter === vault.manifestCounter &&
    equalBytes(statement.validatorsDigest, validators.digest()) &&
    isEqual(statement.depositDataRoot, vault.depositDataRoot) &&
    isEqual(statement.depositDataDigest, deposits?.digest ?? null) &&
    operatorDigest !== undefined &&
    equalBytes(statement.operatorDigest, operatorDigest);
  if (!isSame) findings.push("The vault's facts are not those that were signed.");
  const isPlanSigned = plan !== undefined && isEqual(statement.planDigest, planDigest(plan));
  if (statement.planDigest !== null && !isPlanSigned)
    findings.push('The plan of validator clients is not the one that was signed.');
  return { isPlanSigned, findings };
}

function isEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}
