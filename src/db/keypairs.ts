import { type RawBuilder, sql } from 'kysely';
import { OperatorError } from '../lib/errors.ts';
import { GCM_NONCE_LENGTH, GCM_TAG_LENGTH, PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from '../lib/lengths.ts';
import { inTransaction, retryLostConnection, type Session, tableOf } from './database.ts';
import { byteaLiteral, cut, flatten, pieceAt, rowsOf } from './flat-bytes.ts';
import { activeKeypairs } from './public-facts.ts';
import { readRecords } from './record-pages.ts';
import type { TableName } from './schema.ts';
import { vaultRemoved } from './vaults.ts';

/** A secret key, and its tag. */
const CIPHERTEXT_LENGTH = SECRET_KEY_LENGTH + GCM_TAG_LENGTH;

/** A secret key sealed under the vault's data key: nonce of 12 bytes; 32 bytes and a tag of 16. */
export interface SealedKey {
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** A validator's key with all its shares of one oracle set. */
export interface NewKeypair {
  readonly publicKey: Uint8Array;
  readonly secret: SealedKey;
  /** Shares in oracle order, one per oracle of the set. */
  readonly shares: readonly (SealedKey & { readonly publicKey: Uint8Array })[];
}

/** Validators of a vault with their shares of one oracle set. */
export interface KeypairBatch {
  readonly vaultId: number;
  readonly oracleSetHash: Uint8Array;
  readonly dataKeyId: number;
  readonly keypairs: readonly NewKeypair[];
}

/** What the database has of a validator. */
export interface StoredKeypair {
  /** 48 bytes, a view. */
  readonly publicKey: Uint8Array;
  /** Whether readers see it. */
  readonly isActive: boolean;
  /** Whether its secret and every share of the asked oracle set, with its secret, are there. */
  readonly isComplete: boolean;
  /** Whether the asked oracle set is that of its visible shares. */
  readonly isOfSet: boolean;
}

const IS_ACTIVE = 1;
const IS_COMPLETE = 2;
const IS_OF_SET = 4;
const STORED_LENGTH = PUBLIC_KEY_LENGTH + 1;

/** Every stored validator of the vault in public-key order, seen from one oracle set. They come as one byte string. */
export function listStoredKeypairs(
  session: Session,
  options: { vaultId: number; oracleSetHash: Uint8Array; shareCount: number },
): Promise<Iterable<StoredKeypair>> {
  const { vaultId, shareCount } = options;
  const hash = byteaLiteral(options.oracleSetHash);
  return retryLostConnection(session, async () => {
    const records = await readRecords(
      session,
      sql`
      select k.public_key || set_byte('\\x00'::bytea, 0,
          case when k.active then ${sql.lit(IS_ACTIVE)} else 0 end
          + case when v.public_key is not null and coalesce(s.count, 0) = ${sql.lit(shareCount)}
              then ${sql.lit(IS_COMPLETE)} else 0 end
          + case when k.shares_set_hash = ${hash} then ${sql.lit(IS_OF_SET)} else 0 end) as record,
        row_number() over (order by k.public_key) as place
      from ${tableOf(session, 'keypairs')} k
      left join ${tableOf(session, 'key_secrets')} v on v.vault_id = k.vault_id and v.public_key = k.public_key
      left join (${completeShares(session, vaultId, hash)}) s on s.parent_public_key = k.public_key
      where k.vault_id = ${sql.lit(vaultId)}`,
    );
    return readStored(records);
  });
}

function* readStored(records: Uint8Array): Generator<StoredKeypair> {
  for (let at = 0; at < records.length; at += STORED_LENGTH) {
    const flags = records[at + PUBLIC_KEY_LENGTH] ?? 0;
    yield {
      publicKey: records.subarray(at, at + PUBLIC_KEY_LENGTH),
      isActive: (flags & IS_ACTIVE) !== 0,
      isComplete: (flags & IS_COMPLETE) !== 0,
      isOfSet: (flags & IS_OF_SET) !== 0,
    };
  }
}

/** The public keys of the validators that readers see, in order. */
export async function listValidatorPublicKeys(session: Session, vaultId: number): Promise<Uint8Array[]> {
  const { rows } = await sql<{ keys: Uint8Array | null }>`
    select string_agg(public_key, ''::bytea order by public_key) as keys
    from ${tableOf(session, 'keypairs')}
    where vault_id = ${vaultId} and active`.execute(session.db);
  return cut(rows[0]?.keys, PUBLIC_KEY_LENGTH);
}

/** A validator that readers see. */
export interface ActiveKeypair {
  readonly publicKey: Uint8Array;
  /** Hash of the oracle set of its visible shares. */
  readonly sharesSetHash: Uint8Array;
}

/** The validators that readers see, in public-key order, each with the oracle set of its visible shares. */
export async function listActiveKeypairs({ db }: Session, vaultId: number): Promise<ActiveKeypair[]> {
  return db
    .selectFrom('keypairs')
    .select(['public_key as publicKey', 'shares_set_hash as sharesSetHash'])
    .where('vault_id', '=', vaultId)
    .where('active', '=', true)
    .$narrowType<{ sharesSetHash: Uint8Array }>()
    .orderBy('public_key')
    .execute();
}

/**
 * The validators of {@link listActiveKeypairs} as one byte string: each public key followed by the hash of its oracle set.
 */
export function readActiveKeypairs(session: Session, vaultId: number): Promise<Uint8Array> {
  return readRecords(session, activeKeypairs(session, vaultId));
}

/** How many keys readers are to see: each active validator's own and its shares. Counted without touching the secrets. */
export async function countVisibleKeys(session: Session, vaultId: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select coalesce(sum(1 + o.share_count), 0)::int as count
    from ${tableOf(session, 'keypairs')} k
    join ${tableOf(session, 'oracle_sets')} o on o.vault_id = k.vault_id and o.oracle_set_hash = k.shares_set_hash
    where k.vault_id = ${vaultId} and k.active`.execute(session.db);
  return rows[0]?.count ?? 0;
}

/**
 * Stores validators with all their shares of one oracle set: all of them or, when it fails, none. What is stored and
 * complete stays as it is, so that a batch may be repeated. A set of shares that is not complete is replaced as a whole:
 * shares of two polynomials do not recombine. Readers see the new rows after `activateUpload`; the oracle set must be stored.
 * @returns the public keys whose shares were stored now
 * @throws OperatorError 'vault-removed', 'key-exists' (a share's public key is stored as another key)
 */
export function insertKeypairs(session: Session, batch: KeypairBatch): Promise<Uint8Array[]> {
  return retryLostConnection(session, () =>
    inTransaction(session, async transaction => {
      const { missing, hasRemains } = await lockAndCompare(transaction, batch);
      if (missing.length === 0) return [];
      const rest = { ...batch, keypairs: missing };
      if (hasRemains) await deleteShares(transaction, rest);
      await insertRows(transaction, rest);
      return missing.map(keypair => keypair.publicKey);
    }),
  );
}

/**
 * Stores validators with their shares of one oracle set in the place of whatever rows there are of them, which were found
 * not to be what was written. To be called in the transaction that seals the manifest anew, since readers may see them.
 */
export async function replaceKeypairs(transaction: Session, batch: KeypairBatch): Promise<void> {
  if (batch.keypairs.length === 0) return;
  const keys = rowsOf(
    batch.keypairs.map(keypair => keypair.publicKey),
    PUBLIC_KEY_LENGTH,
  );
  await deleteShares(transaction, batch);
  await sql`
    delete from ${tableOf(transaction, 'key_secrets')} c using ${keys} i
    where c.vault_id = ${batch.vaultId} and c.public_key = i.piece`.execute(transaction.db);
  await insertRows(transaction, batch);
}

async function lockAndCompare(transaction: Session, batch: KeypairBatch) {
  const { vaultId, oracleSetHash, keypairs } = batch;
  const shareCount = keypairs[0]?.shares.length ?? 0;
  if (keypairs.some(keypair => keypair.shares.length !== shareCount))
    throw new RangeError('unequal numbers of shares');
  const locked = await transaction.db
    .selectFrom('vaults')
    .select('vault_id')
    .where('vault_id', '=', vaultId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (locked === undefined) throw vaultRemoved();
  const table = (name: TableName) => tableOf(transaction, name);
  const keys = rowsOf(
    keypairs.map(keypair => keypair.publicKey),
    PUBLIC_KEY_LENGTH,
  );
  const hasParent = sql`s.vault_id = ${vaultId} and s.parent_public_key = i.piece and s.oracle_set_hash = ${oracleSetHash}`;
  // One look-up per key, as sub-selects: the planner knows nothing yet of tables that are being filled.
  const { rows } = await sql<{ position: number; stored: number; sealed: number; validator: boolean }>`
    select i.position,
      (select count(*)::int from ${table('key_shares')} s where ${hasParent}) as stored,
      (select count(*)::int from ${table('key_shares')} s
       join ${table('key_secrets')} c on c.vault_id = ${vaultId} and c.public_key = s.public_key
       where ${hasParent}) as sealed,
      exists (select from ${table('key_secrets')} v
              where v.vault_id = ${vaultId} and v.public_key = i.piece) as validator
    from ${keys} i
    join ${table('keypairs')} k on k.vault_id = ${vaultId} and k.public_key = i.piece`.execute(
    transaction.db,
  );
  const isComplete = (row: (typeof rows)[number]) =>
    row.validator && row.stored === shareCount && row.sealed === shareCount;
  const complete = new Set(rows.filter(isComplete).map(row => row.position));
  return {
    missing: keypairs.filter((_, position) => !complete.has(position)),
    hasRemains: rows.some(row => !isComplete(row) && row.stored > 0),
  };
}

async function deleteShares(
  transaction: Session,
  { vaultId, oracleSetHash, keypairs }: KeypairBatch,
): Promise<void> {
  const parents = rowsOf(
    keypairs.map(keypair => keypair.publicKey),
    PUBLIC_KEY_LENGTH,
  );
  await sql`
    with removed as (
      delete from ${tableOf(transaction, 'key_shares')} s using ${parents} i
      where s.vault_id = ${vaultId} and s.parent_public_key = i.piece and s.oracle_set_hash = ${oracleSetHash}
      returning s.public_key
    )
    delete from ${tableOf(transaction, 'key_secrets')} c using removed
    where c.vault_id = ${vaultId} and c.public_key = removed.public_key`.execute(transaction.db);
}

// One statement for a whole batch: a database 10 ms away must not cost 10 ms per row.
async function insertRows(
  transaction: Session,
  { vaultId, oracleSetHash, dataKeyId, keypairs }: KeypairBatch,
): Promise<void> {
  const shares = keypairs.flatMap(keypair => keypair.shares);
  const perKeypair = keypairs[0]?.shares.length ?? 0;
  const secrets = [...keypairs.map(keypair => keypair.secret), ...shares];
  const validatorKeys = flatten(
    keypairs.map(keypair => keypair.publicKey),
    PUBLIC_KEY_LENGTH,
  );
  const shareKeys = flatten(
    shares.map(share => share.publicKey),
    PUBLIC_KEY_LENGTH,
  );
  const nonces = flatten(
    secrets.map(secret => secret.nonce),
    GCM_NONCE_LENGTH,
  );
  const ciphertexts = flatten(
    secrets.map(secret => secret.ciphertext),
    CIPHERTEXT_LENGTH,
  );
  const i = sql.ref('i');
  const series = (count: number) => sql`generate_series(0, ${count}::int - 1) as i`;
  const secretAt = (position: typeof i) =>
    sql`${dataKeyId}::int, ${pieceAt(nonces, GCM_NONCE_LENGTH, position)}, ${pieceAt(ciphertexts, CIPHERTEXT_LENGTH, position)}`;
  await sql`
    with new_keypairs as (
      insert into ${tableOf(transaction, 'keypairs')} (vault_id, public_key)
      select ${vaultId}::int, ${pieceAt(validatorKeys, PUBLIC_KEY_LENGTH, i)} from ${series(keypairs.length)}
      on conflict do nothing
    ), new_shares as (
      insert into ${tableOf(transaction, 'key_shares')}
        (vault_id, parent_public_key, oracle_set_hash, share_index, public_key)
      select ${vaultId}::int, ${pieceAt(validatorKeys, PUBLIC_KEY_LENGTH, sql`i / ${sql.lit(Math.max(perKeypair, 1))}`)},
        ${oracleSetHash}::bytea, i % ${sql.lit(Math.max(perKeypair, 1))}, ${pieceAt(shareKeys, PUBLIC_KEY_LENGTH, i)}
      from ${series(shares.length)}
    ), new_secrets as (
      insert into ${tableOf(transaction, 'key_secrets')} (vault_id, public_key, data_key_id, nonce, ciphertext)
      select ${vaultId}::int, ${pieceAt(validatorKeys, PUBLIC_KEY_LENGTH, i)}, ${secretAt(i)}
      from ${series(keypairs.length)}
      on conflict do nothing
    )
    insert into ${tableOf(transaction, 'key_secrets')} (vault_id, public_key, data_key_id, nonce, ciphertext)
    select ${vaultId}::int, ${pieceAt(shareKeys, PUBLIC_KEY_LENGTH, i)}, ${secretAt(sql`i + ${sql.lit(keypairs.length)}`)}
    from ${series(shares.length)}`
    .execute(transaction.db)
    .catch(refuseDuplicates);
}

function refuseDuplicates(error: unknown): never {
  if (error instanceof Error && 'code' in error && error.code === '23505') {
    throw new OperatorError(
      'key-exists',
      'The public key of a share is stored as that of another key of this vault.',
      {
        cause: error,
      },
    );
  }
  throw error;
}

function completeShares(session: Session, vaultId: number, oracleSetHash: RawBuilder<unknown>) {
  return sql`
    select s.parent_public_key, count(*)::int as count
    from ${tableOf(session, 'key_shares')} s
    join ${tableOf(session, 'key_secrets')} c on c.vault_id = s.vault_id and c.public_key = s.public_key
    where s.vault_id = ${sql.lit(vaultId)} and s.oracle_set_hash = ${oracleSetHash}
    group by s.parent_public_key`;
}

export function noKeypairs(): OperatorError {
  return new OperatorError('no-keypairs', 'No keypairs found in the remote db.', {
    hint: 'Run "remote-db upload-keypairs" first.',
  });
}
