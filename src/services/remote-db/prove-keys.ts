import { type Database, inSnapshot, type Session } from '../../db/database.ts';
import { pageManifestEntries } from '../../db/key-secrets.ts';
import { listVisibleShares } from '../../db/key-shares.ts';
import { listActiveKeypairs, readActiveKeypairs } from '../../db/keypairs.ts';
import { findOracleSet } from '../../db/oracle-sets.ts';
import { openDocument, pageVisibleShares } from '../../db/public-facts.ts';
import type { StoredSecret } from '../../db/sealed-record.ts';
import { findStatement } from '../../db/statements.ts';
import { readVault, type Vault, vaultRemoved } from '../../db/vaults.ts';
import {
  type OperatorFacts,
  operatorDigest,
  operatorDigestOf,
  publicKeysOf,
  RunningOperatorDigest,
} from '../../domain/fleet/fact-digests.ts';
import type { SharedKeys } from '../../domain/fleet/shared-keys.ts';
import { openStatement } from '../../domain/fleet/statement.ts';
import { compareBytes, equalBytes, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { openPage } from './open-keys.ts';
import { assertManifest, assertManifestPages, type UnlockedVault } from './unlock-vault.ts';
import { readVisibleRows } from './visible-rows.ts';

type Keys = Pick<OperatorFacts, 'keypairs' | 'shares'>;

/** A state of the vault whose validators and shares are those that were sealed. */
export interface ProvenKeys {
  readonly manifestCounter: bigint;
  /** {@link sharedKeysDigest} of them. */
  readonly digest: Uint8Array;
  /** The validators, sorted. */
  readonly publicKeys: RecordTable;
}

export interface ProveKeysOptions {
  /** Public half of the vault's signing key. */
  readonly verifyingKey: Uint8Array;
  /** Validators that an upload proves by itself, while their keystores are at hand. */
  readonly except?: RecordTable | undefined;
}

/**
 * Proves the public rows of validators and shares before they are signed: rows of which the manifest knows nothing, or that
 * were exchanged among themselves, must not become genuine. What the vault's key has signed before need not be opened again;
 * otherwise every sealed row is opened, which binds it to its kind, its validator and its place.
 * @throws OperatorError 'manifest-mismatch', 'row-tampered', 'facts-changed'
 */
export async function proveKeys(
  { database, pool }: { readonly database: Database; readonly pool: WorkerPool },
  unlocked: UnlockedVault,
  { verifyingKey, except = new RecordTable(PUBLIC_KEY_LENGTH) }: ProveKeysOptions,
): Promise<ProvenKeys> {
  const { vaultId } = unlocked.vault;
  const { vault, keypairs, digest, unsigned } = await inSnapshot(database, async session => {
    const vault = await readVault(session, vaultId);
    if (vault === undefined) throw vaultRemoved();
    await assertManifestPages(unlocked, vault, pageManifestEntries(session, vaultId));
    const signed = await findStatement(session, vaultId);
    const statement = signed && openStatement(verifyingKey, unlocked.context, signed);
    const { keypairs, digest, operatorDigest } = await digestKeys(session, vault);
    const isSigned =
      operatorDigest !== undefined &&
      statement?.manifestCounter === vault.manifestCounter &&
      equalBytes(statement.operatorDigest, operatorDigest);
    return { vault, keypairs, digest, unsigned: isSigned ? undefined : await listKeys(session, vaultId) };
  });
  if (unsigned !== undefined) await compareWithSealed({ database, pool }, unlocked, unsigned, except);
  return {
    manifestCounter: vault.manifestCounter,
    digest,
    publicKeys: RecordTable.of(publicKeysOf(keypairs), PUBLIC_KEY_LENGTH),
  };
}

/** SHA-256 over validators and shares. */
export function sharedKeysDigest(keys: SharedKeys): Uint8Array {
  return operatorDigestOf({ oracleSet: NO_ORACLE_SET, document: new Uint8Array() }, keys);
}

/** {@link sharedKeysDigest} of keys in lists. */
function keysDigest({ keypairs, shares }: Keys): Uint8Array {
  return operatorDigest({ oracleSet: NO_ORACLE_SET, document: '', keypairs, shares });
}

const NO_ORACLE_SET = { hash: new Uint8Array(HASH_LENGTH), configIpfsHash: '', threshold: 0 };

/**
 * The validators' rows, {@link sharedKeysDigest} of them and their shares, and the digest over all that the operator's files are written from, which is
 * undefined before the first upload.
 */
async function digestKeys(session: Session, { vaultId, oracleSetHash }: Vault) {
  const oracleSet = oracleSetHash && (await findOracleSet(session, vaultId, oracleSetHash));
  const document = await openDocument(session, vaultId);
  const isUploaded = oracleSet !== undefined && oracleSet !== null && document.length > 0;
  const keys = new RunningOperatorDigest(NO_ORACLE_SET, 0);
  const all = new RunningOperatorDigest(oracleSet ?? NO_ORACLE_SET, document.length);
  for await (const piece of document.pieces) all.document(piece);
  const keypairs = await readActiveKeypairs(session, vaultId);
  keys.keypairs(keypairs);
  all.keypairs(keypairs);
  for await (const page of pageVisibleShares(session, vaultId)) {
    keys.shares(page);
    all.shares(page);
  }
  return { keypairs, digest: keys.digest(), operatorDigest: isUploaded ? all.digest() : undefined };
}

async function listKeys(session: Session, vaultId: number): Promise<Keys> {
  return {
    keypairs: await listActiveKeypairs(session, vaultId),
    shares: await listVisibleShares(session, vaultId),
  };
}

async function compareWithSealed(
  { database, pool }: { readonly database: Database; readonly pool: WorkerPool },
  unlocked: UnlockedVault,
  keys: Keys,
  except: RecordTable,
): Promise<void> {
  const rows = await readVisibleRows(database, unlocked.vault.vaultId);
  assertManifest(unlocked, rows.vault, rows.manifestEntries());
  const sealed = rows
    .slice(0, rows.length)
    .filter(({ publicKey, parentPublicKey }) => !except.has(parentPublicKey ?? publicKey));
  wipe(await openPage(pool, unlocked, sealed));
  const rest: Keys = {
    keypairs: keys.keypairs.filter(({ publicKey }) => !except.has(publicKey)),
    shares: keys.shares.filter(({ parentPublicKey }) => !except.has(parentPublicKey)),
  };
  if (equalBytes(keysDigest(keysOf(sealed)), keysDigest(rest))) return;
  throw new OperatorError(
    'facts-changed',
    'The validators or shares in the remote db are not those that were sealed: rows were added, or exchanged among themselves.',
    { hint: 'Run "remote-db verify" for the details, and restore the database from a backup.' },
  );
}

/** Validators and shares as the sealed rows name them. */
function keysOf(sealed: readonly StoredSecret[]): Keys {
  const shares = sealed.flatMap(({ publicKey, parentPublicKey, shareIndex, oracleSetHash }) =>
    parentPublicKey === null || shareIndex === null || oracleSetHash === null
      ? []
      : [{ publicKey, parentPublicKey, shareIndex, oracleSetHash }],
  );
  const setOf = new Map(shares.map(share => [toHex(share.parentPublicKey), share.oracleSetHash]));
  const keypairs = sealed
    .filter(({ kind }) => kind === 'validator')
    .map(({ publicKey }) => ({
      publicKey,
      sharesSetHash: setOf.get(toHex(publicKey)) ?? new Uint8Array(HASH_LENGTH),
    }));
  shares.sort((a, b) => compareBytes(a.parentPublicKey, b.parentPublicKey) || a.shareIndex - b.shareIndex);
  return { keypairs, shares };
}
