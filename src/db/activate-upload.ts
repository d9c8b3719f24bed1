import { sql } from 'kysely';
import { planDigest } from '../domain/fleet/fact-digests.ts';
import { equalBytes } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { extendPlan, findUnassigned } from './assignments.ts';
import { appendAuditEntry } from './audit-log.ts';
import { inTransaction, retryLostConnection, type Session, tableOf } from './database.ts';
import { rowsOfFlat } from './flat-bytes.ts';
import { digestValidatorRecords, pageManifestEntries } from './key-secrets.ts';
import { replaceKeypairs } from './keypairs.ts';
import { renewOracleSet } from './oracle-sets.ts';
import type { TableName } from './schema.ts';
import { findStatement, insertSigningKey, storeStatement } from './statements.ts';
import { isUnchanged } from './unchanged-upload.ts';
import type { FactsToSign, ManifestHead, UploadActivation } from './upload-activation.ts';
import { type StoredUploadProof, storeUploadProof } from './upload-proofs.ts';
import { lockVault, type Vault, vaultChanged, vaultRemoved } from './vaults.ts';
import { digestVisibleFacts, type HashedDocument, hashDocument, storeDocument } from './visible-facts.ts';

/**
 * The single last transaction of an upload: makes the uploaded validators with their shares of the oracle set, the deposit
 * data and the manifest current at once. Keys that the upload does not mention keep the shares they have. Safe to repeat
 * when the connection broke while it was committed. An upload that finds everything as it would leave it writes nothing, so
 * that whoever goes by the manifest's counter has nothing to do anew.
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
      if (await isUnchanged(transaction, vault, upload)) return vault;
      await makeVisible(transaction, vault, upload);
      await requireProvenRows(transaction, upload);
      const { depositData } = upload;
      const document =
        depositData === undefined
          ? await hashDocument(transaction, upload)
          : await storeDocument(transaction, { ...upload, depositData });
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
  if (upload.depositData !== undefined) {
    if (depositDataRoot === null || !equalBytes(depositDataRoot, upload.depositData.root)) return false;
  }
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

/** Activated in one statement. The driver copies its parameters several times: those of a whole fleet would take 50 MB. */
const ACTIVATED_AT_ONCE = 10_000;

async function activateKeypairs(
  transaction: Session,
  upload: Pick<UploadActivation, 'vaultId' | 'publicKeys' | 'oracleSet'>,
): Promise<void> {
  const { publicKeys } = upload;
  const pieceLength = ACTIVATED_AT_ONCE * PUBLIC_KEY_LENGTH;
  let activated = 0;
  for (let at = 0; at < publicKeys.length; at += pieceLength) {
    activated += await activateSome(transaction, upload, publicKeys.subarray(at, at + pieceLength));
  }
  const missing = publicKeys.length / PUBLIC_KEY_LENGTH - activated;
  if (missing === 0) return;
  throw new OperatorError(
    'upload-incomplete',
    `${missing} of the uploaded keypairs are missing or have not all shares.`,
    {
      hint: 'Run upload-keypairs again; it stores what is missing.',
    },
  );
}

/** @returns how many of these validators were there with all shares, and readers see now */
async function activateSome(
  transaction: Session,
  { vaultId, oracleSet }: Pick<UploadActivation, 'vaultId' | 'oracleSet'>,
  publicKeys: Uint8Array,
): Promise<number> {
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
  return rows[0]?.activated ?? 0;
}

type PlanDigests = Pick<FactsToSign, 'planBefore' | 'planAfter'>;

async function assignUnassigned(transaction: Session, upload: UploadActivation): Promise<PlanDigests> {
  const plan = await findUnassigned(transaction, upload.vaultId);
  if (plan === undefined) return { planBefore: null, planAfter: null };
  const added = upload.assignNewKeys(plan.stored, plan.fresh);
  return {
    planBefore: planDigest(plan.stored),
    planAfter: await extendPlan(transaction, upload.vaultId, plan.stored, added),
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
  const facts = await digestVisibleFacts(transaction, vault.vaultId, document);
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
