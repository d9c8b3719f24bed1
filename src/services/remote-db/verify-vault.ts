import { type Database, inSnapshot, type Session } from '../../db/database.ts';
import { listActiveKeypairs, listValidatorPublicKeys } from '../../db/keypairs.ts';
import { listOracleSets } from '../../db/oracle-sets.ts';
import { readVault, type Vault, vaultRemoved } from '../../db/vaults.ts';
import { validatorsDigest } from '../../domain/fleet/fact-digests.ts';
import { equalBytes } from '../../lib/bytes.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { readOperatorFacts } from './read-operator-facts.ts';
import { type UnlockedVault, unlockVault, type VaultRef } from './unlock-vault.ts';
import { checkPlan } from './verify/check-plan.ts';
import { checkRows } from './verify/check-rows.ts';
import { checkStatement } from './verify/check-statement.ts';
import { checkStoredDeposits } from './verify/check-stored-deposits.ts';
import { checkCurrent, checkOracleSets, checkShares } from './verify/check-validators.ts';
import { findingOf } from './verify/finding-of.ts';

export interface VerifyResult {
  readonly validators: number;
  readonly shares: number;
  /** Active validators whose shares are of an earlier oracle set. */
  readonly staleValidators: number;
  readonly depositDataEntries: number;
  readonly manifestCounter: bigint;
  /** The key that signs the vault's facts, 32 bytes; undefined when it has none, or one that does not open. */
  readonly verifyingKey: Uint8Array | undefined;
  /** Whether the plan of validator clients is signed: where there is none, it is not. */
  readonly isPlanSigned: boolean;
  /** What is not as it was written, one sentence each; empty when all is well. */
  readonly findings: readonly string[];
}

interface Deps {
  readonly database: Database;
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
}

/**
 * Opens, derives and counts every row of the vault, recombines the shares of every validator, and checks manifest, deposit
 * data and assignments. Reads only.
 * @throws OperatorError 'invalid-encryption-key', 'vault-not-set-up'
 */
export async function verifyVault(
  deps: Deps,
  options: { ref: VaultRef; encryptKey: string },
): Promise<VerifyResult> {
  using unlocked = await unlockVault(deps.database, options.ref, options.encryptKey);
  return await inSnapshot(deps.database, session => verifyInSnapshot(session, deps, unlocked, options.ref));
}

async function verifyInSnapshot(
  session: Session,
  deps: Deps,
  unlocked: UnlockedVault,
  ref: VaultRef,
): Promise<VerifyResult> {
  const vault = await readVault(session, unlocked.vault.vaultId);
  if (vault === undefined) throw vaultRemoved();
  const publicKeys = await listValidatorPublicKeys(session, vault.vaultId);
  const keypairs = await listActiveKeypairs(session, vault.vaultId);
  using rows = await checkRows(session, deps, unlocked, vault);
  const { keys } = rows;
  const ofDigest = checkDigest(vault, publicKeys);
  const sets = await listOracleSets(session, vault.vaultId);
  const ofSets = checkOracleSets(vault, sets);
  const ofShares = checkShares(keypairs, sets, keys);
  const deposits = await checkStoredDeposits(session, vault, publicKeys, unlocked);
  const ofPlan = await checkPlan(session, vault, publicKeys);
  const ofOperatorFacts = await checkOperatorFacts(session, vault, ref);
  const statement = await checkStatement(session, vault, unlocked);
  const current = keypairs.filter(
    ({ sharesSetHash }) => vault.oracleSetHash && equalBytes(sharesSetHash, vault.oracleSetHash),
  );
  return {
    validators: publicKeys.length,
    shares: keys.shareCount,
    staleValidators: keypairs.length - current.length,
    depositDataEntries: deposits.count,
    manifestCounter: vault.manifestCounter,
    verifyingKey: statement.verifyingKey,
    isPlanSigned: statement.isPlanSigned,
    findings: [
      rows.findings,
      ofDigest,
      ofSets,
      ofShares,
      deposits.findings,
      ofPlan,
      ofOperatorFacts,
      statement.findings,
      checkCurrent(keypairs, current),
    ].flat(),
  };
}

function checkDigest(vault: Vault, publicKeys: readonly Uint8Array[]): string[] {
  const isSame =
    vault.validatorsDigest === null
      ? publicKeys.length === 0
      : equalBytes(vault.validatorsDigest, validatorsDigest(publicKeys));
  return isSame ? [] : ['The list of validators is not that of the last upload.'];
}

/** What the operator's files are written from; there is none of it before the first upload. */
async function checkOperatorFacts(session: Session, vault: Vault, ref: VaultRef): Promise<string[]> {
  if (vault.operatorDigest === null) return [];
  return await findingOf(() => readOperatorFacts(session, vault, { ref }));
}
