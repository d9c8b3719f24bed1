import { findAssignmentPlan, type StoredPlan } from '../../db/assignments.ts';
import { type Database, inSnapshot, type Session } from '../../db/database.ts';
import { findDepositData } from '../../db/deposit-data.ts';
import { pageActiveSecrets } from '../../db/key-secrets.ts';
import {
  type ActiveKeypair,
  countVisibleKeys,
  listActiveKeypairs,
  listValidatorPublicKeys,
} from '../../db/keypairs.ts';
import { listOracleSets } from '../../db/oracle-sets.ts';
import type { StoredSecret } from '../../db/sealed-record.ts';
import { findStatement } from '../../db/statements.ts';
import { readVault, type Vault, vaultRemoved } from '../../db/vaults.ts';
import { parseDepositData } from '../../domain/consensus/deposit-data.ts';
import { operatorDigest, planDigest, validatorsDigest } from '../../domain/fleet/fact-digests.ts';
import type { ManifestEntry } from '../../domain/fleet/key-facts.ts';
import { depositDataDigest, openStatement, type Statement } from '../../domain/fleet/statement.ts';
import type { ShareTest } from '../../domain/keys/key-share.ts';
import type { StatementSigner } from '../../domain/keys/signing-key.ts';
import { hashDeposits, rootOf } from '../../domain/protocol/deposit-nodes.ts';
import { isOracleSet, type OracleSet } from '../../domain/protocol/oracle-config.ts';
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
  const vault = await readVault(session, unlocked.vault.vaultId);
  if (vault === undefined) throw vaultRemoved();
  const publicKeys = await listValidatorPublicKeys(session, vault.vaultId);
  const keypairs = await listActiveKeypairs(session, vault.vaultId);
  using opened = await openRows(session, deps, unlocked);
  const { rows } = opened;
  const ofManifest = await findingOf(() => assertManifest(unlocked, vault, opened.entries));
  const ofDigest = checkDigest(vault, publicKeys);
  const sets = await listOracleSets(session, vault.vaultId);
  const ofSets = checkOracleSets(vault, sets);
  const ofShares = checkShares(keypairs, sets, rows);
  const depositData = await checkDepositData(session, vault, publicKeys, unlocked);
  const ofAssignments = await checkAssignments(session, vault, publicKeys);
  const ofOperatorFacts = await checkOperatorFacts(session, vault, ref);
  const statement = await checkStatement(session, vault, unlocked);
  const current = keypairs.filter(
    ({ sharesSetHash }) => vault.oracleSetHash && equalBytes(sharesSetHash, vault.oracleSetHash),
  );
  return {
    validators: publicKeys.length,
    shares: rows.size - publicKeys.filter(publicKey => rows.has(toHex(publicKey))).length,
    staleValidators: keypairs.length - current.length,
    depositDataEntries: depositData.count,
    manifestCounter: vault.manifestCounter,
    verifyingKey: statement.verifyingKey,
    isPlanSigned: statement.isPlanSigned,
    findings: [
      opened.findings,
      ofManifest,
      ofDigest,
      ofSets,
      ofShares,
      depositData.findings,
      ofAssignments,
      ofOperatorFacts,
      statement.findings,
      checkCurrent(keypairs, current),
    ].flat(),
  };
}

/** A row, and its secret key of 32 bytes; undefined for one that does not open. */
interface OpenedRow {
  readonly row: StoredSecret;
  readonly secretKey: Uint8Array | undefined;
}

/** All visible rows of a vault. Disposing of it overwrites the secrets. */
interface OpenedRows extends Disposable {
  /** The rows by public key, in its order. */
  readonly rows: ReadonlyMap<string, OpenedRow>;
  readonly entries: readonly ManifestEntry[];
  readonly findings: readonly string[];
}

async function openRows(
  session: Session,
  { pool, progress }: Deps,
  unlocked: UnlockedVault,
): Promise<OpenedRows> {
  const rows = new Map<string, OpenedRow>();
  const entries: ManifestEntry[] = [];
  const findings: string[] = [];
  using stack = new DisposableStack();
  stack.defer(() => wipe(rows.values().map(({ secretKey }) => secretKey)));
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
  const held = stack.move();
  return { rows, entries, findings, [Symbol.dispose]: () => held.dispose() };
}

function checkDigest(vault: Vault, publicKeys: readonly Uint8Array[]): string[] {
  const isSame =
    vault.validatorsDigest === null
      ? publicKeys.length === 0
      : equalBytes(vault.validatorsDigest, validatorsDigest(publicKeys));
  return isSame ? [] : ['The list of validators is not that of the last upload.'];
}

/** The rows of shares are sealed with their set's hash, and by it threshold and oracles are proven. */
function checkOracleSets({ oracleSetHash: current }: Vault, sets: readonly OracleSet[]): string[] {
  const findings = sets.flatMap(checkOracleSet);
  if (current !== null && !sets.some(({ hash }) => equalBytes(hash, current)))
    findings.push(`The current oracle set ${toHex(current)} is missing.`);
  return findings;
}

function checkOracleSet(set: OracleSet): string[] {
  const findings: string[] = [];
  if (!isOracleSet(set)) findings.push(`The oracle set ${toHex(set.hash)} is not what was written.`);
  if (set.threshold < 2)
    findings.push(
      `The oracle set ${toHex(set.hash)} has a threshold of 1: its shares are the validator keys.`,
    );
  return findings;
}

function checkShares(
  keypairs: readonly ActiveKeypair[],
  sets: readonly OracleSet[],
  rows: ReadonlyMap<string, OpenedRow>,
): string[] {
  const shareTestOf = createShareTests(sets);
  const shares = Map.groupBy(rows.values(), ({ row }) =>
    row.parentPublicKey ? toHex(row.parentPublicKey) : '',
  );
  return keypairs.flatMap(({ publicKey, sharesSetHash }) =>
    checkValidator(publicKey, {
      own: rows.get(toHex(publicKey)),
      shares: shares.get(toHex(publicKey)) ?? [],
      set: sets.find(({ hash }) => equalBytes(hash, sharesSetHash)),
      shareTest: shareTestOf(sharesSetHash),
    }),
  );
}

/** Whether a validator has its key, and as many shares as its set has oracles, which recombine to the key. */
function checkValidator(
  publicKey: Uint8Array,
  found: {
    readonly own: OpenedRow | undefined;
    readonly shares: readonly OpenedRow[];
    readonly set: OracleSet | undefined;
    readonly shareTest: ShareTest | undefined;
  },
): string[] {
  const { own, set, shareTest } = found;
  const findings: string[] = [];
  const shares = found.shares.toSorted((a, b) => (a.row.shareIndex ?? 0) - (b.row.shareIndex ?? 0));
  if (own === undefined) findings.push(`Validator ${toHex(publicKey)} has no encrypted key.`);
  if (set === undefined || shares.length !== set.publicKeys.length) {
    findings.push(
      `Validator ${toHex(publicKey)} has ${shares.length} shares instead of ${set?.publicKeys.length ?? 'those of its oracle set'}.`,
    );
  } else if (own?.secretKey !== undefined && !fitTogether(own.secretKey, shares, shareTest)) {
    findings.push(`The shares of validator ${toHex(publicKey)} do not recombine to its key.`);
  }
  return findings;
}

function fitTogether(
  secretKey: Uint8Array,
  shares: readonly OpenedRow[],
  test: ShareTest | undefined,
): boolean {
  const secrets = shares.flatMap(share => share.secretKey ?? []);
  // A share that could not be opened has been named already, and so has an oracle set that proves nothing.
  if (secrets.length < shares.length) return true;
  return test?.(secretKey, secrets) ?? true;
}

/** An upload has one key or more, and makes its set theirs and the vault's at once. */
function checkCurrent(keypairs: readonly ActiveKeypair[], current: readonly ActiveKeypair[]): string[] {
  const isUnknown = keypairs.length > 0 && current.length === 0;
  return isUnknown ? ['No validator has shares of the current oracle set.'] : [];
}

interface CheckedDepositData {
  /** How many entries the stored document has. */
  readonly count: number;
  readonly findings: readonly string[];
}

async function checkDepositData(
  session: Session,
  vault: Vault,
  publicKeys: readonly Uint8Array[],
  { context }: UnlockedVault,
): Promise<CheckedDepositData> {
  const stored = await findDepositData(session, vault.vaultId);
  if (stored === undefined) {
    return { count: 0, findings: vault.depositDataRoot === null ? [] : ['The deposit data is missing.'] };
  }
  let count = 0;
  const findings: string[] = [];
  const failure = await findingOf(() => {
    const entries = parseDepositData(stored.document);
    count = entries.length;
    const root = rootOf(hashDeposits(entries, context.vault));
    const isOfUpload = vault.depositDataRoot !== null && equalBytes(root, vault.depositDataRoot);
    if (!isOfUpload || !equalBytes(root, stored.root) || count !== stored.entryCount) {
      findings.push('The deposit data is not that of the last upload.');
    }
    const known = new Set(publicKeys.map(toHex));
    const unknown = entries.filter(entry => !known.has(toHex(entry.publicKey))).length;
    if (unknown > 0) findings.push(`${unknown} keys of the deposit data are not in the remote db.`);
  });
  return { count, findings: [...findings, ...failure] };
}

async function checkAssignments(
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

/** What the operator's files are written from; there is none of it before the first upload. */
async function checkOperatorFacts(session: Session, vault: Vault, ref: VaultRef): Promise<string[]> {
  if (vault.operatorDigest === null) return [];
  return await findingOf(() => readOperatorFacts(session, vault, { ref }));
}

interface CheckedStatement extends Pick<VerifyResult, 'verifyingKey' | 'isPlanSigned'> {
  readonly findings: readonly string[];
}

/** What commands without the encryption key are to believe. A vault of an earlier version has signed nothing yet. */
async function checkStatement(
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

/** The message of what a check throws; empty when it passes. */
async function findingOf(check: () => unknown): Promise<string[]> {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return [error.message];
  }
}
