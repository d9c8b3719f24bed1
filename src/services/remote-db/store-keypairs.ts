import type { Database } from '../../db/database.ts';
import { pageActiveSecrets } from '../../db/key-secrets.ts';
import { insertKeypairs, type NewKeypair } from '../../db/keypairs.ts';
import { insertOracleSet } from '../../db/oracle-sets.ts';
import type { StoredSecret } from '../../db/sealed-record.ts';
import { NONCE_LENGTH, SEALED_LENGTH } from '../../domain/keys/envelope.ts';
import { formatKeystore } from '../../domain/keys/keystore.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import { concatBytes, fromHex, type Hex, toHex, wipe } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { ProgressBar } from '../../lib/progress.ts';
import type { SealOutput } from '../../workers/jobs.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import type { ReadKeystore } from '../local-keys/read-keystores.ts';
import { openEach } from './open-keys.ts';
import type { UnlockedVault } from './unlock-vault.ts';

interface Deps {
  readonly database: Database;
  readonly pool: WorkerPool;
}

/** A keystore costs about a second of KDF: what a killed run loses is bounded by this. */
const KEYSTORE_BATCH = 32;
const STORED_BATCH = 500;
const PAGE_SIZE = 6_000;

/** Decrypts keystores, splits and seals their keys, and commits them batch by batch. @returns how many were stored */
export async function storeKeystores(
  deps: Deps,
  unlocked: UnlockedVault,
  oracleSet: OracleSet,
  keystores: readonly ReadKeystore[],
  bar: ProgressBar,
): Promise<number> {
  let stored = 0;
  for (const batch of batches(keystores, KEYSTORE_BATCH)) {
    const publicKeys = batch.map(({ keystore }) => fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
    const secretKeys = await deps.pool.decryptKeystores(
      batch.map(({ path, keystore, password }) => ({ name: path, text: formatKeystore(keystore), password })),
      countUp(bar),
    );
    stored += await sealAndStore(deps, unlocked, oracleSet, publicKeys, secretKeys);
  }
  return stored;
}

/** Decrypts keystores and seals their keys with shares of the oracle set, without storing them. */
export async function sealKeystores(
  { pool }: Pick<Deps, 'pool'>,
  unlocked: UnlockedVault,
  oracleSet: OracleSet,
  keystores: readonly ReadKeystore[],
): Promise<NewKeypair[]> {
  const sealed: NewKeypair[] = [];
  for (const batch of batches(keystores, KEYSTORE_BATCH)) {
    const secretKeys = await pool.decryptKeystores(
      batch.map(({ path, keystore, password }) => ({ name: path, text: formatKeystore(keystore), password })),
    );
    const publicKeys = batch.map(({ keystore }) => fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
    for (const keypair of await sealKeys({ pool }, unlocked, oracleSet, publicKeys, secretKeys)) {
      sealed.push(keypair);
    }
  }
  return sealed;
}

/**
 * Makes shares of a new oracle set for keys that are stored. The database has them: no keystore is decrypted again.
 * @returns how many were stored, and which keys could not be opened
 */
export async function storeSharesAnew(
  deps: Deps,
  unlocked: UnlockedVault,
  oracleSet: OracleSet,
  publicKeys: readonly Uint8Array[],
  bar: ProgressBar,
): Promise<{ stored: number; unopened: ReadonlySet<Hex> }> {
  const unopened = new Set(publicKeys.map(toHex));
  if (publicKeys.length === 0) return { stored: 0, unopened };
  const rows = await readRows(deps.database, unlocked, unopened);
  let stored = 0;
  for (const batch of batches(rows, STORED_BATCH)) {
    const secretKeys = await openEach(deps.pool, unlocked, batch, () => undefined);
    const opened = batch.flatMap(({ publicKey }, i) => {
      const secretKey = secretKeys[i];
      return secretKey === undefined ? [] : [{ publicKey, secretKey }];
    });
    for (const { publicKey } of opened) unopened.delete(toHex(publicKey));
    stored += await sealAndStore(
      deps,
      unlocked,
      oracleSet,
      opened.map(({ publicKey }) => publicKey),
      opened.map(({ secretKey }) => secretKey),
    );
    bar.advance(batch.length);
  }
  return { stored, unopened };
}

/** Read to the end before anything is written: an embedded database has one connection. */
async function readRows(
  database: Database,
  { vault: { vaultId } }: UnlockedVault,
  wanted: ReadonlySet<string>,
): Promise<StoredSecret[]> {
  const rows: StoredSecret[] = [];
  for await (const page of pageActiveSecrets(database, { vaultId, pageSize: PAGE_SIZE })) {
    for (const row of page) {
      if (row.kind === 'validator' && wanted.has(toHex(row.publicKey))) rows.push(row);
    }
  }
  return rows;
}

/** @param secretKeys - overwritten here */
async function sealAndStore(
  { database, pool }: Deps,
  unlocked: UnlockedVault,
  oracleSet: OracleSet,
  publicKeys: readonly Uint8Array[],
  secretKeys: readonly Uint8Array[],
): Promise<number> {
  if (publicKeys.length === 0) return 0;
  const keypairs = await sealKeys({ pool }, unlocked, oracleSet, publicKeys, secretKeys);
  const { vaultId, dataKeyId } = unlocked.vault;
  // Not before the keystores of the first batch were opened: a wrong password leaves nothing behind.
  await insertOracleSet(database, vaultId, oracleSet);
  const inserted = await insertKeypairs(database, {
    vaultId,
    oracleSetHash: oracleSet.hash,
    dataKeyId,
    keypairs,
  });
  return inserted.length;
}

/** @param secretKeys - overwritten here */
async function sealKeys(
  { pool }: Pick<Deps, 'pool'>,
  { context, vault, dataKey }: UnlockedVault,
  oracleSet: OracleSet,
  publicKeys: readonly Uint8Array[],
  secretKeys: readonly Uint8Array[],
): Promise<NewKeypair[]> {
  const flat = concatBytes(secretKeys);
  wipe(secretKeys);
  const count = oracleSet.publicKeys.length;
  try {
    const sealed = await pool.sealKeypairs({
      ...context,
      dataKey,
      dataKeyId: vault.dataKeyId,
      oracleSet: { hash: oracleSet.hash, threshold: oracleSet.threshold, count },
      secretKeys: flat,
      publicKeys: concatBytes(publicKeys),
    });
    return publicKeys.map((publicKey, index) => toKeypair(sealed, publicKey, index, count));
  } finally {
    wipe(flat);
  }
}

function toKeypair(sealed: SealOutput, publicKey: Uint8Array, index: number, shareCount: number): NewKeypair {
  const shares = Array.from({ length: shareCount }, (_, share) => {
    const place = index * shareCount + share;
    return {
      publicKey: cut(sealed.sharePublicKeys, place, PUBLIC_KEY_LENGTH),
      nonce: cut(sealed.shareNonces, place, NONCE_LENGTH),
      ciphertext: cut(sealed.shareCiphertexts, place, SEALED_LENGTH),
    };
  });
  const secret = {
    nonce: cut(sealed.nonces, index, NONCE_LENGTH),
    ciphertext: cut(sealed.ciphertexts, index, SEALED_LENGTH),
  };
  return { publicKey, secret, shares };
}

function cut(flat: Uint8Array, place: number, width: number): Uint8Array {
  return flat.subarray(place * width, (place + 1) * width);
}

function* batches<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/** Turns "so many done" into steps. */
function countUp(bar: ProgressBar): (done: number) => void {
  let before = 0;
  return done => {
    bar.advance(done - before);
    before = done;
  };
}
