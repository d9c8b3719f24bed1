import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Assignment } from '../domain/fleet/assignment.ts';
import {
  KEYPAIR_ROW_LENGTH,
  planDigest,
  publicKeysOf,
  RunningOperatorDigest,
  validatorsDigest,
} from '../domain/fleet/fact-digests.ts';
import type { SignedStatement } from '../domain/fleet/statement.ts';
import type { OracleSet } from '../domain/protocol/oracle-config.ts';
import { equalBytes } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { RecordTable } from '../lib/record-table.ts';
import { type AssignedKeys, extendPlan, findPlanRows } from './assignments.ts';
import { type AuditEntry, appendAuditEntry } from './audit-log.ts';
import { inTransaction, retryLostConnection, type Session, tableOf } from './database.ts';
import { type NewDepositData, replaceDepositData } from './deposit-data.ts';
import { rowsOfFlat } from './flat-bytes.ts';
import { digestValidatorRecords, pageManifestEntries } from './key-secrets.ts';
import { type NewKeypair, readActiveKeypairs, replaceKeypairs } from './keypairs.ts';
import { renewOracleSet } from './oracle-sets.ts';
import { openDocument, pageVisibleShares } from './public-facts.ts';
import type { TableName } from './schema.ts';
import { findStatement, insertSigningKey, type SealedSigningKey, storeStatement } from './statements.ts';
import { type StoredUploadProof, storeUploadProof } from './upload-proofs.ts';
import { lockVault, type Vault, vaultChanged, vaultRemoved } from './vaults.ts';

/** What the manifest's MAC begins with. */
interface ManifestHead {
  readonly counter: bigint;
  readonly depositDataRoot: Uint8Array | null;
}

/** A MAC over what comes page by page. */
interface RunningMac {
  update(page: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** Digests over what readers see. */
export interface VisibleFacts {
  readonly validatorCount: number;
  /** `validatorsDigest` of the validators. */
  readonly validatorsDigest: Uint8Array;
  /** `operatorDigest` of all that the operator's files are written from. */
  readonly operatorDigest: Uint8Array;
  /** SHA-256 over the deposit data's text. */
  readonly documentDigest: Uint8Array;
}

/** What an upload's statement is made of. */
export interface FactsToSign {
  /** What was signed last; nothing is proven of it. */
  readonly before: SignedStatement | undefined;
  /** Digests over the plan's rows as they were and as they are now; null without a plan. */
  readonly planBefore: Uint8Array | null;
  readonly planAfter: Uint8Array | null;
  readonly manifestCounter: bigint;
  readonly depositDataRoot: Uint8Array | null;
  readonly facts: VisibleFacts;
}

/** What a proof of an upload is made of. */
interface FactsToProve {
  readonly manifestCounter: bigint;
  readonly manifestMac: Uint8Array;
  readonly depositDataRoot: Uint8Array | null;
  readonly rowsDigest: Uint8Array;
  readonly documentDigest: Uint8Array;
}

export interface UploadActivation {
  readonly vaultId: number;
  /** The counter that was read when the upload began; another one means that somebody else has changed the vault since. */
  readonly expectedManifestCounter: bigint;
  /** The uploaded validators, complete for this oracle set: public keys of 48 bytes, one after another. */
  readonly publicKeys: Uint8Array;
  readonly oracleSet: OracleSet;
  /** Uploaded validators whose stored rows are not what was written: these rows take their place. */
  readonly replacements?: readonly NewKeypair[] | undefined;
  /** SHA-256 over all rows that readers will see, by validator, each of which was proven; other rows are not sealed. */
  readonly rowsDigest?: Uint8Array | undefined;
  /** Deposit data in place of the stored one, which stays when this is left out. */
  readonly depositData?: NewDepositData | undefined;
  /** Begins the MAC over the manifest's entries. What it throws undoes everything; it must not use the database. */
  readonly startManifest: (head: ManifestHead) => RunningMac;
  /** A signing key that the vault is to have from now on. */
  readonly freshSigningKey?: SealedSigningKey | undefined;
  /** Signs what readers see now. What it throws undoes everything; it must not use the database. */
  readonly signFacts?: ((facts: FactsToSign) => SignedStatement) | undefined;
  /** The MAC of what was proven of the rows of `rowsDigest` and of the deposit data; it must not use the database. */
  readonly sealProof?: ((facts: FactsToProve) => Uint8Array) | undefined;
  /** Clients for the active keys that the stored plan lacks, in public-key order. Called only when there is a plan. */
  readonly assignNewKeys: (plan: AssignedKeys, newKeys: readonly Uint8Array[]) => readonly Assignment[];
  readonly audit: AuditEntry;
}

/**
 * The single last transaction of an upload: makes the uploaded validators with their shares of the oracle set, the deposit
 * data and the manifest current at once. Keys that the upload does not mention keep the shares they have. Safe to repeat
 * when the connection broke while it was committed.
 * @returns the vault as it is then
 * @throws OperatorError 'vault-changed', 'upload-incomplete', 'vault-removed'
 */
export function activateUpload(session: Session, upload: UploadActivation): Promise<Vault> {
  return retryLostConnection(session, () =>
    inTransaction(session, async transaction => {
      const vault = await lockVault(transaction, upload.vaultId);
      if (vault === undefined) throw vaultRemoved();
      if (await isDone(transaction, vault, upload)) return vault;
      if (vault.manifestCounter !== upload.expectedManifestCounter) {
        throw vaultChanged(
          `its manifest is number ${vault.manifestCounter}, expected ${upload.expectedManifestCounter}`,
        );
      }
      await makeVisible(transaction, vault, upload);
      await requireProvenRows(transaction, upload);
      const document = await storeDocument(transaction, upload);
      const plan = await assignUnassigned(transaction, upload);
      const activated = await updateVault(transaction, vault, upload, { plan, document });
      await appendAuditEntry(transaction, upload.audit);
      return activated;
    }),
  );
}

/**
 * What readers would see after the upload: it is made visible, read, and undone.
 * @throws OperatorError of {@link activateUpload}
 */
export function previewUpload<T>(
  session: Session,
  upload: Pick<UploadActivation, 'vaultId' | 'publicKeys' | 'oracleSet' | 'replacements'>,
  read: (preview: Session) => Promise<T>,
): Promise<T> {
  return retryLostConnection(session, async () => {
    const db = await session.db.startTransaction().execute();
    try {
      const transaction: Session = { db, kind: session.kind, schema: session.schema };
      const vault = await lockVault(transaction, upload.vaultId);
      if (vault === undefined) throw vaultRemoved();
      await makeVisible(transaction, vault, upload);
      return await read(transaction);
    } finally {
      await db.rollback().execute();
    }
  });
}

async function makeVisible(
  transaction: Session,
  { vaultId, dataKeyId }: Vault,
  upload: Pick<UploadActivation, 'vaultId' | 'publicKeys' | 'oracleSet' | 'replacements'>,
): Promise<void> {
  const { oracleSet, replacements = [] } = upload;
  await renewOracleSet(transaction, vaultId, oracleSet);
  const batch = { vaultId, dataKeyId, oracleSetHash: oracleSet.hash, keypairs: replacements };
  await replaceKeypairs(transaction, batch);
  await activateKeypairs(transaction, upload);
}

/** Requires the rows that were proven: whoever may write to the database may have changed one since. */
async function requireProvenRows(
  transaction: Session,
  { vaultId, rowsDigest }: UploadActivation,
): Promise<void> {
  if (rowsDigest === undefined) return;
  if (equalBytes(await digestValidatorRecords(transaction, vaultId), rowsDigest)) return;
  throw new OperatorError(
    'vault-changed',
    'Rows of this vault were changed by somebody else after they had been checked; nothing was activated.',
    { hint: 'Run upload-keypairs again, and find out who else writes to the database.' },
  );
}

// The connection broke after the commit: the counter is ours, and so is the MAC.
async function isDone(transaction: Session, vault: Vault, upload: UploadActivation): Promise<boolean> {
  if (vault.manifestCounter !== upload.expectedManifestCounter + 1n || vault.manifestMac === null)
    return false;
  if (vault.oracleSetHash === null || !equalBytes(vault.oracleSetHash, upload.oracleSet.hash)) return false;
  const { manifestCounter: counter, depositDataRoot } = vault;
  if (upload.depositData !== undefined && !isRoot(depositDataRoot, upload.depositData.root)) return false;
  return equalBytes(vault.manifestMac, await sealManifest(transaction, upload, { counter, depositDataRoot }));
}

async function sealManifest(
  transaction: Session,
  { vaultId, startManifest }: UploadActivation,
  head: ManifestHead,
): Promise<Uint8Array> {
  const mac = startManifest(head);
  for await (const page of pageManifestEntries(transaction, vaultId)) mac.update(page);
  return mac.digest();
}

function isRoot(stored: Uint8Array | null, root: Uint8Array): boolean {
  return stored !== null && equalBytes(stored, root);
}

async function activateKeypairs(
  transaction: Session,
  upload: Pick<UploadActivation, 'vaultId' | 'publicKeys' | 'oracleSet'>,
): Promise<void> {
  const { vaultId, oracleSet, publicKeys } = upload;
  const table = (name: TableName) => tableOf(transaction, name);
  const { rows } = await sql<{ activated: number }>`
    with activated as (
      update ${table('keypairs')} k set active = true, shares_set_hash = ${oracleSet.hash}
      from ${rowsOfFlat(publicKeys, PUBLIC_KEY_LENGTH)} i
      where k.vault_id = ${vaultId} and k.public_key = i.piece
        and exists (select from ${table('key_secrets')} v where v.vault_id = k.vault_id and v.public_key = k.public_key)
        and (select count(*) from ${table('key_shares')} s
             join ${table('key_secrets')} c on c.vault_id = s.vault_id and c.public_key = s.public_key
             where s.vault_id = k.vault_id and s.parent_public_key = k.public_key
               and s.oracle_set_hash = ${oracleSet.hash}) = ${oracleSet.publicKeys.length}::int
      returning k.public_key
    )
    select count(*)::int as activated from activated`.execute(transaction.db);
  const missing = publicKeys.length / PUBLIC_KEY_LENGTH - (rows[0]?.activated ?? 0);
  if (missing === 0) return;
  throw new OperatorError(
    'upload-incomplete',
    `${missing} of the uploaded keypairs are missing or have not all shares.`,
    {
      hint: 'Run upload-keypairs again; it stores what is missing.',
    },
  );
}

type PlanDigests = Pick<FactsToSign, 'planBefore' | 'planAfter'>;

/** The deposit data's text that readers see now, hashed. */
interface HashedDocument {
  /** SHA-256 over it. */
  readonly digest: Uint8Array;
  /** What is made over all of the operator's facts, begun with it. */
  readonly operator: RunningOperatorDigest;
}

/** Stores the upload's deposit data, if it has any; its text goes by only once. */
async function storeDocument(
  transaction: Session,
  { vaultId, oracleSet, depositData }: UploadActivation,
): Promise<HashedDocument> {
  const stored = depositData === undefined ? await openDocument(transaction, vaultId) : undefined;
  const operator = new RunningOperatorDigest(oracleSet, (depositData?.text ?? stored)?.length ?? 0);
  const hash = createHash('sha256');
  const take = (piece: Uint8Array) => {
    operator.document(piece);
    hash.update(piece);
  };
  if (depositData !== undefined) await replaceDepositData(transaction, vaultId, depositData, take);
  if (stored !== undefined) for await (const piece of stored.pieces) take(piece);
  return { digest: new Uint8Array(hash.digest()), operator };
}

async function assignUnassigned(transaction: Session, upload: UploadActivation): Promise<PlanDigests> {
  const plan = await findPlanRows(transaction, upload.vaultId);
  if (plan === undefined) return { planBefore: null, planAfter: null };
  const assigned = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const { publicKey } of plan.assignments) assigned.add(publicKey);
  const active = publicKeysOf(await readActiveKeypairs(transaction, upload.vaultId));
  const fresh: Uint8Array[] = [];
  for (let at = 0; at < active.length; at += PUBLIC_KEY_LENGTH) {
    const publicKey = active.subarray(at, at + PUBLIC_KEY_LENGTH);
    if (!assigned.has(publicKey)) fresh.push(publicKey);
  }
  const added = upload.assignNewKeys(plan, fresh);
  return {
    planBefore: planDigest(plan),
    planAfter: await extendPlan(transaction, upload.vaultId, plan, added),
  };
}

async function updateVault(
  transaction: Session,
  vault: Vault,
  upload: UploadActivation,
  { plan, document }: { readonly plan: PlanDigests; readonly document: HashedDocument },
): Promise<Vault> {
  const counter = vault.manifestCounter + 1n;
  const depositDataRoot = upload.depositData?.root ?? vault.depositDataRoot;
  const manifestMac = await sealManifest(transaction, upload, { counter, depositDataRoot });
  const facts = await digestFacts(transaction, vault, document);
  const { validatorsDigest, operatorDigest, documentDigest } = facts;
  if (upload.signFacts !== undefined) {
    const before = await findStatement(transaction, vault.vaultId);
    const { planBefore, planAfter } = plan;
    const signed = upload.signFacts({
      before,
      planBefore,
      planAfter,
      manifestCounter: counter,
      depositDataRoot,
      facts,
    });
    if (upload.freshSigningKey !== undefined) {
      const stored = await insertSigningKey(transaction, vault.vaultId, upload.freshSigningKey);
      if (!equalBytes(stored.verifyingKey, upload.freshSigningKey.verifyingKey))
        throw vaultChanged('it has a signing key now');
    }
    await storeStatement(transaction, vault.vaultId, signed);
  }
  if (upload.sealProof !== undefined && upload.rowsDigest !== undefined) {
    const { rowsDigest } = upload;
    const proven = { manifestCounter: counter, manifestMac, depositDataRoot, rowsDigest, documentDigest };
    const proof: StoredUploadProof = { rowsDigest, documentDigest, mac: upload.sealProof(proven) };
    await storeUploadProof(transaction, vault.vaultId, proof);
  }
  await transaction.db
    .updateTable('vaults')
    .set({
      manifest_counter: counter,
      manifest_mac: manifestMac,
      oracle_set_hash: upload.oracleSet.hash,
      deposit_data_root: depositDataRoot,
      validators_digest: validatorsDigest,
      operator_digest: operatorDigest,
    })
    .where('vault_id', '=', vault.vaultId)
    .execute();
  const oracleSetHash = upload.oracleSet.hash;
  return {
    ...vault,
    manifestCounter: counter,
    manifestMac,
    oracleSetHash,
    depositDataRoot,
    validatorsDigest,
    operatorDigest,
  };
}

async function digestFacts(
  transaction: Session,
  { vaultId }: Vault,
  { digest, operator }: HashedDocument,
): Promise<VisibleFacts> {
  const keypairs = await readActiveKeypairs(transaction, vaultId);
  operator.keypairs(keypairs);
  for await (const page of pageVisibleShares(transaction, vaultId)) operator.shares(page);
  return {
    validatorCount: keypairs.length / KEYPAIR_ROW_LENGTH,
    validatorsDigest: validatorsDigest([publicKeysOf(keypairs)]),
    operatorDigest: operator.digest(),
    documentDigest: digest,
  };
}
