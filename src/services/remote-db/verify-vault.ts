import { findAssignmentPlan } from '../../db/assignments.ts';
import { type Database, inSnapshot, type Session } from '../../db/database.ts';
import { findDepositData } from '../../db/deposit-data.ts';
import { pageActiveSecrets } from '../../db/key-secrets.ts';
import { countVisibleKeys, listActiveKeypairs, listValidatorPublicKeys } from '../../db/keypairs.ts';
import { listOracleSets, type OracleSet } from '../../db/oracle-sets.ts';
import type { StoredSecret } from '../../db/sealed-record.ts';
import { findStatement } from '../../db/statements.ts';
import { readVault, type Vault, vaultRemoved } from '../../db/vaults.ts';
import { parseDepositData } from '../../domain/consensus/deposit-data.ts';
import { operatorDigest, planDigest, validatorsDigest } from '../../domain/fleet/fact-digests.ts';
import { depositDataDigest, openStatement } from '../../domain/fleet/statement.ts';
import type { ShareTest } from '../../domain/keys/key-share.ts';
import type { ManifestEntry } from '../../domain/keys/manifest.ts';
import type { StatementSigner } from '../../domain/keys/signing-key.ts';
import { buildDepositTree } from '../../domain/protocol/deposit-tree.ts';
import { isOracleSet } from '../../domain/protocol/oracle-config.ts';
import { compareBytes, equalBytes, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { createShareTests } from './find-broken-keys.ts';
import { openEach } from './open-keys.ts';
import { findOperatorFacts, readOperatorFacts } from './read-operator-facts.ts';
import { findVaultSigner } from './statements/vault-signing-key.ts';
import { assertManifest, type UnlockedVault, unlockVault, type VaultRef } from './unlock-vault.ts';

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
  const findings: string[] = [];
  const vault = await readVault(session, unlocked.vault.vaultId);
  if (vault === undefined) throw vaultRemoved();
  const publicKeys = await listValidatorPublicKeys(session, vault.vaultId);
  const keypairs = await listActiveKeypairs(session, vault.vaultId);
  const rows = new Map<string, { row: StoredSecret; secretKey: Uint8Array | undefined }>();
  try {
    const entries = await openRows(session, deps, unlocked, rows, findings);
    await collect(findings, () => assertManifest(unlocked, vault, entries));
    checkDigest(vault, publicKeys, findings);
    const sets = await listOracleSets(session, vault.vaultId);
    checkOracleSets(vault, sets, findings);
    checkShares(keypairs, sets, rows, findings);
    const depositDataEntries = await checkDepositData(session, vault, publicKeys, unlocked, findings);
    await checkAssignments(session, vault, publicKeys, findings);
    if (vault.operatorDigest !== null)
      await collect(findings, () => readOperatorFacts(session, vault, { ref }));
    const signed = await checkStatement(session, vault, unlocked, findings);
    const current = keypairs.filter(
      ({ sharesSetHash }) => vault.oracleSetHash && equalBytes(sharesSetHash, vault.oracleSetHash),
    );
    // An upload has one key or more, and makes its set theirs and the vault's at once.
    if (keypairs.length > 0 && current.length === 0)
      findings.push('No validator has shares of the current oracle set.');
    return {
      validators: publicKeys.length,
      shares: rows.size - publicKeys.filter(publicKey => rows.has(toHex(publicKey))).length,
      staleValidators: keypairs.length - current.length,
      depositDataEntries,
      manifestCounter: vault.manifestCounter,
      verifyingKey: signed.verifyingKey,
      isPlanSigned: signed.isPlanSigned,
      findings,
    };
  } finally {
    wipe(rows.values().map(({ secretKey }) => secretKey));
  }
}

async function openRows(
  session: Session,
  { pool, progress }: Deps,
  unlocked: UnlockedVault,
  rows: Map<string, { row: StoredSecret; secretKey: Uint8Array | undefined }>,
  findings: string[],
): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  const count = await countVisibleKeys(session, unlocked.vault.vaultId);
  const bar = progress.start('Verifying rows', count);
  for await (const page of pageActiveSecrets(session, { vaultId: unlocked.vault.vaultId, pageSize: 2_000 })) {
    const secrets = await openEach(pool, unlocked, page, error => findings.push(error.message));
    for (const [index, row] of page.entries()) {
      rows.set(toHex(row.publicKey), { row, secretKey: secrets[index] });
      entries.push({ publicKey: row.publicKey, dataKeyId: row.dataKeyId, nonce: row.nonce });
    }
    bar.advance(page.length);
  }
  bar.finish();
  return entries;
}

function checkDigest(vault: Vault, publicKeys: readonly Uint8Array[], findings: string[]): void {
  const isSame =
    vault.validatorsDigest === null
      ? publicKeys.length === 0
      : equalBytes(vault.validatorsDigest, validatorsDigest(publicKeys));
  if (!isSame) findings.push('The list of validators is not that of the last upload.');
}

/** The rows of shares are sealed with their set's hash, and by it threshold and oracles are proven. */
function checkOracleSets(vault: Vault, sets: readonly OracleSet[], findings: string[]): void {
  for (const set of sets) {
    if (!isOracleSet(set)) findings.push(`The oracle set ${toHex(set.hash)} is not what was written.`);
    if (set.threshold < 2)
      findings.push(
        `The oracle set ${toHex(set.hash)} has a threshold of 1: its shares are the validator keys.`,
      );
  }
  const { oracleSetHash: current } = vault;
  if (current !== null && !sets.some(({ hash }) => equalBytes(hash, current)))
    findings.push(`The current oracle set ${toHex(current)} is missing.`);
}

function checkShares(
  keypairs: readonly { readonly publicKey: Uint8Array; readonly sharesSetHash: Uint8Array }[],
  sets: readonly OracleSet[],
  rows: ReadonlyMap<string, { row: StoredSecret; secretKey: Uint8Array | undefined }>,
  findings: string[],
): void {
  const shareTestOf = createShareTests(sets);
  const shares = Map.groupBy(rows.values(), ({ row }) =>
    row.parentPublicKey ? toHex(row.parentPublicKey) : '',
  );
  for (const { publicKey, sharesSetHash } of keypairs) {
    const own = rows.get(toHex(publicKey));
    const set = sets.find(({ hash }) => equalBytes(hash, sharesSetHash));
    const of = (shares.get(toHex(publicKey)) ?? []).toSorted(
      (a, b) => (a.row.shareIndex ?? 0) - (b.row.shareIndex ?? 0),
    );
    if (own === undefined) findings.push(`Validator ${toHex(publicKey)} has no encrypted key.`);
    if (set === undefined || of.length !== set.publicKeys.length) {
      findings.push(
        `Validator ${toHex(publicKey)} has ${of.length} shares instead of ${set?.publicKeys.length ?? 'those of its oracle set'}.`,
      );
    } else if (own?.secretKey !== undefined && !fitTogether(own.secretKey, of, shareTestOf(sharesSetHash))) {
      findings.push(`The shares of validator ${toHex(publicKey)} do not recombine to its key.`);
    }
  }
}

function fitTogether(
  secretKey: Uint8Array,
  shares: readonly { readonly row: StoredSecret; readonly secretKey: Uint8Array | undefined }[],
  test: ShareTest | undefined,
): boolean {
  const secrets = shares.flatMap(share => share.secretKey ?? []);
  // A share that could not be opened has been named already, and so has an oracle set that proves nothing.
  if (secrets.length < shares.length) return true;
  return test?.(secretKey, secrets) ?? true;
}

async function checkDepositData(
  session: Session,
  vault: Vault,
  publicKeys: readonly Uint8Array[],
  { context }: UnlockedVault,
  findings: string[],
): Promise<number> {
  const stored = await findDepositData(session, vault.vaultId);
  if (stored === undefined) {
    if (vault.depositDataRoot !== null) findings.push('The deposit data is missing.');
    return 0;
  }
  let count = 0;
  await collect(findings, () => {
    const entries = parseDepositData(stored.document);
    count = entries.length;
    const { root } = buildDepositTree(entries, context.vault);
    const isOfUpload = vault.depositDataRoot !== null && equalBytes(root, vault.depositDataRoot);
    if (!isOfUpload || !equalBytes(root, stored.root) || count !== stored.entryCount) {
      findings.push('The deposit data is not that of the last upload.');
    }
    const known = new Set(publicKeys.map(toHex));
    const unknown = entries.filter(entry => !known.has(toHex(entry.publicKey))).length;
    if (unknown > 0) findings.push(`${unknown} keys of the deposit data are not in the remote db.`);
  });
  return count;
}

async function checkAssignments(
  session: Session,
  vault: Vault,
  publicKeys: readonly Uint8Array[],
  findings: string[],
): Promise<void> {
  const plan = await findAssignmentPlan(session, vault.vaultId).catch((error: unknown) => {
    if (!(error instanceof OperatorError && error.code === 'assignments-incomplete')) throw error;
    findings.push(error.message);
    return undefined;
  });
  if (plan === undefined) return;
  const assigned = plan.assignments.map(({ publicKey }) => publicKey).sort(compareBytes);
  const isSame =
    assigned.length === publicKeys.length &&
    assigned.every((key, index) => equalBytes(key, publicKeys[index] ?? key));
  if (!isSame) findings.push('The plan of validator clients does not name every validator exactly once.');
  if (!plan.isIntact) findings.push('The plan of validator clients is not as it was stored.');
  if (plan.assignments.some(({ clientIndex }) => clientIndex >= plan.totalClients)) {
    findings.push('The plan of validator clients names a client that does not exist.');
  }
}

/** What commands without the encryption key are to believe. A vault of an earlier version has signed nothing yet. */
async function checkStatement(
  session: Session,
  vault: Vault,
  unlocked: UnlockedVault,
  findings: string[],
): Promise<{ readonly verifyingKey: Uint8Array | undefined; readonly isPlanSigned: boolean }> {
  let signer: StatementSigner | undefined;
  await collect(findings, async () => {
    signer = await findVaultSigner(session, unlocked);
  });
  const verifyingKey = signer?.verifyingKey;
  const signed = await findStatement(session, vault.vaultId);
  if (verifyingKey === undefined) {
    if (signed !== undefined) findings.push("The key that has signed the vault's facts is not there.");
    return { verifyingKey, isPlanSigned: false };
  }
  if (signed === undefined && vault.manifestCounter === 0n) return { verifyingKey, isPlanSigned: false };
  const statement = signed && openStatement(verifyingKey, unlocked.context, signed);
  if (statement === undefined) {
    findings.push("The vault's facts are not signed by its key.");
    return { verifyingKey, isPlanSigned: false };
  }
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
  return { verifyingKey, isPlanSigned };
}

function isEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}

async function collect(findings: string[], check: () => unknown): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    findings.push(error.message);
  }
}
