import { planDigest } from '../domain/fleet/fact-digests.ts';
import type { OracleSet } from '../domain/protocol/oracle-config.ts';
import { equalBytes } from '../lib/bytes.ts';
import { findUnassigned } from './assignments.ts';
import type { Session } from './database.ts';
import type { NewDepositData } from './deposit-data.ts';
import { digestValidatorRecords } from './key-secrets.ts';
import { findOracleSet } from './oracle-sets.ts';
import { findDocument } from './public-facts.ts';
import { findStatement } from './statements.ts';
import type { UploadActivation } from './upload-activation.ts';
import { findUploadProof } from './upload-proofs.ts';
import type { Vault } from './vaults.ts';
import { digestVisibleFacts, hashDocument } from './visible-facts.ts';

/**
 * Whether all that the upload would write stands there already: rows, oracle set, deposit data, digests, and what was
 * signed and sealed of them, byte for byte. Cheap questions first, since most uploads change something.
 */
export async function isUnchanged(
  transaction: Session,
  vault: Vault,
  upload: UploadActivation,
): Promise<boolean> {
  const { oracleSet, rowsDigest, depositData, replacements = [], signFacts, sealProof } = upload;
  const { vaultId, manifestCounter, manifestMac, depositDataRoot } = vault;
  if (rowsDigest === undefined || depositData === undefined || manifestMac === null) return false;
  if (signFacts === undefined || sealProof === undefined || upload.freshSigningKey !== undefined)
    return false;
  if (replacements.length > 0 || !isDigest(depositDataRoot, depositData.root)) return false;
  const before = await findStatement(transaction, vaultId);
  const proof = await findUploadProof(transaction, vaultId);
  if (before === undefined || proof === undefined || !equalBytes(proof.rowsDigest, rowsDigest)) return false;
  if (
    !(await hasOracleSet(transaction, vault, oracleSet)) ||
    !(await hasDeposits(transaction, vaultId, depositData))
  )
    return false;
  const plan = await findUnassigned(transaction, vaultId);
  if (plan !== undefined && (plan.fresh.length > 0 || !plan.stored.isIntact)) return false;
  if (!equalBytes(await digestValidatorRecords(transaction, vaultId), rowsDigest)) return false;
  const document = await hashDocument(transaction, { vaultId, oracleSet });
  const facts = await digestVisibleFacts(transaction, vaultId, document);
  const { documentDigest } = facts;
  if (!isDigest(vault.validatorsDigest, facts.validatorsDigest)) return false;
  if (!isDigest(vault.operatorDigest, facts.operatorDigest)) return false;
  if (!equalBytes(documentDigest, depositData.text.digest)) return false;
  const digest = plan === undefined ? null : planDigest(plan.stored);
  const signed = signFacts({
    before,
    planBefore: digest,
    planAfter: digest,
    manifestCounter,
    depositDataRoot,
    facts,
  });
  const sealed = sealProof({ manifestCounter, manifestMac, depositDataRoot, rowsDigest, documentDigest });
  return (
    equalBytes(signed.body, before.body) &&
    equalBytes(signed.signature, before.signature) &&
    equalBytes(proof.documentDigest, documentDigest) &&
    equalBytes(proof.mac, sealed)
  );
}

/** Whether readers are told of these oracles, by this very document. */
async function hasOracleSet(
  transaction: Session,
  { vaultId, oracleSetHash }: Vault,
  { hash, configIpfsHash }: OracleSet,
): Promise<boolean> {
  if (!isDigest(oracleSetHash, hash)) return false;
  return (await findOracleSet(transaction, vaultId, hash))?.configIpfsHash === configIpfsHash;
}

async function hasDeposits(
  transaction: Session,
  vaultId: number,
  { root, entryCount }: NewDepositData,
): Promise<boolean> {
  const stored = await findDocument(transaction, vaultId);
  return stored !== undefined && equalBytes(stored.root, root) && stored.entryCount === entryCount;
}

function isDigest(stored: Uint8Array | null, digest: Uint8Array): boolean {
  return stored !== null && equalBytes(stored, digest);
}
