import { type RawBuilder, sql } from 'kysely';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { type Session, tableOf } from './database.ts';
import { fetchEach, pageRecords } from './record-pages.ts';

/** Length of a row of {@link pageVisibleShares}: public key of its parent, place as a big-endian number of 4 bytes, own public key. */
export const VISIBLE_SHARE_LENGTH = 2 * PUBLIC_KEY_LENGTH + 4;

/** Validators in one page of {@link pageSharedKeys}. */
const SHARED_KEYS_PAGE_SIZE = 1_000;
const PIECE_BYTES = 256 * 1024;

/** The rows of `listActiveKeypairs`, each as public key and hash of its oracle set, page by page; to be called within a transaction. */
export function pageActiveKeypairs(transaction: Session, vaultId: number): AsyncGenerator<Uint8Array> {
  return pageRecords(transaction, activeKeypairs(transaction, vaultId));
}

/** The rows of `listActiveKeypairs` for {@link pageRecords}, each as public key and hash of its oracle set. */
export function activeKeypairs(session: Session, vaultId: number): RawBuilder<unknown> {
  return sql`
    select public_key || shares_set_hash as record, row_number() over (order by public_key) as place
    from ${tableOf(session, 'keypairs')} where vault_id = ${sql.lit(vaultId)} and active`;
}

/** The rows of `listVisibleShares` as records, page by page; to be called within a transaction. */
export function pageVisibleShares(transaction: Session, vaultId: number): AsyncGenerator<Uint8Array> {
  return pageRecords(
    transaction,
    sql`
      select s.parent_public_key || int4send(s.share_index) || s.public_key as record,
        row_number() over (order by s.parent_public_key, s.share_index) as place
      from ${tableOf(transaction, 'key_shares')} s
      join ${tableOf(transaction, 'keypairs')} k
        on k.vault_id = s.vault_id and k.public_key = s.parent_public_key and k.shares_set_hash = s.oracle_set_hash
      where s.vault_id = ${sql.lit(vaultId)} and k.active`,
  );
}

/**
 * Every validator that readers see with its shares of its current set, in public-key order, joined by the database: pages for
 * `SharedKeys`; to be called within a transaction.
 */
export function pageSharedKeys(transaction: Session, vaultId: number): AsyncGenerator<Uint8Array> {
  const page = sql`(place - 1) / ${sql.lit(SHARED_KEYS_PAGE_SIZE)}`;
  return fetchEach(
    transaction,
    // A page of rows that lack what the tables insist on is one byte, which is no page of keys.
    sql`
      select coalesce(
        string_agg(public_key || shares_set_hash || int4send(octet_length(records)) || records, ''::bytea order by place),
        '\\x00'::bytea) as bytes
      from (
        select k.public_key, k.shares_set_hash, row_number() over (order by k.public_key) as place,
          coalesce(string_agg(int4send(s.share_index) || s.public_key, ''::bytea order by s.share_index), ''::bytea) as records
        from ${tableOf(transaction, 'keypairs')} k
        left join ${tableOf(transaction, 'key_shares')} s
          on s.vault_id = k.vault_id and s.parent_public_key = k.public_key and s.oracle_set_hash = k.shares_set_hash
        where k.vault_id = ${sql.lit(vaultId)} and k.active
        group by k.public_key, k.shares_set_hash
      ) visible
      group by ${page}
      order by ${page}`,
  );
}

/** What stands beside the text of stored deposit data. */
export interface StoredDocument {
  /** Root of its tree, 32 bytes. */
  readonly root: Uint8Array;
  readonly entryCount: number;
  /** Length of the text in UTF-8. */
  readonly length: number;
}

/** The vault's current deposit data without its text, which is that of {@link pageDocument}; undefined before the first upload. */
export async function findDocument({ db }: Session, vaultId: number): Promise<StoredDocument | undefined> {
  return db
    .selectFrom('deposit_data')
    .select(['root', 'entry_count as entryCount'])
    .select(sql<number>`octet_length(convert_to(document, 'UTF8'))`.as('length'))
    .where('vault_id', '=', vaultId)
    .executeTakeFirst();
}

/**
 * The text of the vault's deposit data in UTF-8, piece by piece, none of which need be whole text; to be called within a
 * transaction. The database unpacks the text once for all pieces, not once for each: that of 150,000 validators has 100 MB.
 */
export function pageDocument(transaction: Session, vaultId: number): AsyncGenerator<Uint8Array> {
  const size = sql.lit(PIECE_BYTES);
  return fetchEach(
    transaction,
    sql`
      select substring(unpacked.bytes from piece * ${size} + 1 for ${size}) as bytes
      from (
        select convert_to(document, 'UTF8') as bytes from ${tableOf(transaction, 'deposit_data')}
        where vault_id = ${sql.lit(vaultId)} offset 0
      ) unpacked
      cross join lateral generate_series(0, (octet_length(unpacked.bytes) - 1) / ${size}) as piece
      order by piece`,
  );
}

/** The stored text in UTF-8, piece by piece, and its length; empty before the first upload. To be called within a transaction. */
export async function openDocument(
  transaction: Session,
  vaultId: number,
): Promise<{ readonly length: number; readonly pieces: AsyncIterable<Uint8Array> }> {
  const stored = await findDocument(transaction, vaultId);
  return { length: stored?.length ?? 0, pieces: pageDocument(transaction, vaultId) };
}
