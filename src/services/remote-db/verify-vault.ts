import { type Database, inSnapshot, type Session } from '../../db/database.ts';
import { listOracleSets } from '../../db/oracle-sets.ts';
import { readVault, type Vault, vaultRemoved } from '../../db/vaults.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { type UnlockedVault, unlockVault, type VaultRef } from './unlock-vault.ts';
import { checkOperatorFacts } from './verify/check-operator-facts.ts';
import { checkPlan } from './verify/check-plan.ts';
import { checkRows } from './verify/check-rows.ts';
import { checkStatement } from './verify/check-statement.ts';
import { checkStoredDeposits } from './verify/check-stored-deposits.ts';
import { checkCurrent, checkDigest, checkOracleSets, checkShares } from './verify/check-validators.ts';
import { readFacts } from './verify/read-facts.ts';
import { readValidators, type Validators } from './verify/read-validators.ts';

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
  const { vaultId } = vault;
  const validators = await readValidators(session, vaultId);
  const sets = await listOracleSets(session, vaultId);
  const keys = await checkKeys(session, deps, unlocked, { vault, validators, sets });
  const ofDigest = checkDigest(vault, validators);
  const ofSets = checkOracleSets(vault, sets);
  const facts = await readFacts(session, vault, { ref, validators, sets });
  const ofDeposits = await checkStoredDeposits(vault, facts.deposits);
  const { plan, findings: ofPlan } = await checkPlan(session, vaultId, validators);
  const ofOperatorFacts = await checkOperatorFacts(vault, facts);
  const statement = await checkStatement(session, vault, unlocked, { ...facts, plan });
  const ofCurrentSet = validators.countOfSet(vault.oracleSetHash);
  return {
    validators: validators.length,
    shares: keys.shareCount,
    staleValidators: validators.length - ofCurrentSet,
    depositDataEntries: facts.deposits?.count ?? 0,
    manifestCounter: vault.manifestCounter,
    verifyingKey: statement.verifyingKey,
    isPlanSigned: statement.isPlanSigned,
    findings: [
      keys.ofRows,
      ofDigest,
      ofSets,
      keys.ofShares,
      ofDeposits,
      ofPlan,
      ofOperatorFacts,
      statement.findings,
      checkCurrent(validators.length, ofCurrentSet),
    ].flat(),
  };
}

/** Opens and tests the secret keys, which are overwritten when this is done. */
async function checkKeys(
  session: Session,
  deps: Deps,
  unlocked: UnlockedVault,
  {
    vault,
    validators,
    sets,
  }: { readonly vault: Vault; readonly validators: Validators; readonly sets: readonly OracleSet[] },
) {
  using rows = await checkRows(session, deps, unlocked, vault);
  return {
    shareCount: rows.keys.shareCount,
    ofRows: rows.findings,
    ofShares: checkShares(validators, sets, rows.keys),
  };
}
