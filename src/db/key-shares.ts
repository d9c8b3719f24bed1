import { sql } from 'kysely';
import { SharedKeys } from '../domain/fleet/shared-keys.ts';
import { inTransaction, type Session, tableOf } from './database.ts';
import type { TableName } from './schema.ts';
import { lockVault } from './vaults.ts';

/** A key share that readers see. */
export interface VisibleShare {
  readonly parentPublicKey: Uint8Array;
  /** Position of its oracle, from 0. */
  readonly shareIndex: number;
  readonly publicKey: Uint8Array;
}

/** The shares that readers see, by parent and oracle: of each active validator those of its current set. */
export async function listVisibleShares({ db }: Session, vaultId: number): Promise<VisibleShare[]> {
  return db
    .selectFrom('key_shares as s')
    .innerJoin('keypairs as k', join =>
      join
        .onRef('k.vault_id', '=', 's.vault_id')
        .onRef('k.public_key', '=', 's.parent_public_key')
        .onRef('k.shares_set_hash', '=', 's.oracle_set_hash'),
    )
    .select([
      's.parent_public_key as parentPublicKey',
      's.share_index as shareIndex',
      's.public_key as publicKey',
    ])
    .where('s.vault_id', '=', vaultId)
    .where('k.active', '=', true)
    .orderBy('s.parent_public_key')
    .orderBy('s.share_index')
    .execute();
}

/** Validators in one page of {@link listSharedKeys}. */
const PAGE_SIZE = 1_000;

/**
 * Every validator that readers see with its shares of its current set, in public-key order, joined by the database: see
 * {@link SharedKeys}.
 * @returns undefined when rows have other lengths than the tables allow
 */
export async function listSharedKeys(session: Session, vaultId: number): Promise<SharedKeys | undefined> {
  const page = sql`(place - 1) / ${sql.lit(PAGE_SIZE)}`;
  const { rows } = await sql<{ page: Uint8Array | null }>`
    select string_agg(public_key || shares_set_hash || int4send(octet_length(records)) || records, ''::bytea
      order by place) as page
    from (
      select k.public_key, k.shares_set_hash, row_number() over (order by k.public_key) as place,
        coalesce(string_agg(int4send(s.share_index) || s.public_key, ''::bytea order by s.share_index), ''::bytea) as records
      from ${tableOf(session, 'keypairs')} k
      left join ${tableOf(session, 'key_shares')} s
        on s.vault_id = k.vault_id and s.parent_public_key = k.public_key and s.oracle_set_hash = k.shares_set_hash
      where k.vault_id = ${vaultId} and k.active
      group by k.public_key, k.shares_set_hash
    ) visible
    group by ${page}
    order by ${page}`.execute(session.db);
  return SharedKeys.read(rows.map(row => row.page ?? Uint8Array.of(0)));
}

/**
 * Removes the oracle sets that neither the vault nor any of its validators names, with their shares and secrets. To be
 * run by an upload under its lock: another one's set is named by nobody until it ends.
 */
export function pruneShares(
  session: Session,
  vaultId: number,
): Promise<{ oracleSets: number; shares: number }> {
  return inTransaction(session, async transaction => {
    const table = (name: TableName) => tableOf(transaction, name);
    const vault = await lockVault(transaction, vaultId);
    if (vault === undefined) return { oracleSets: 0, shares: 0 };
    const { rows } = await sql<{ shares: number }>`
      with stale as (
        select oracle_set_hash from ${table('oracle_sets')} o
        where vault_id = ${vaultId} and oracle_set_hash is distinct from ${vault.oracleSetHash}::bytea
          and not exists (select from ${table('keypairs')} k
                          where k.vault_id = o.vault_id and k.shares_set_hash = o.oracle_set_hash)
      ), removed as (
        delete from ${table('key_shares')} s using stale
        where s.vault_id = ${vaultId} and s.oracle_set_hash = stale.oracle_set_hash
        returning s.public_key
      ), secrets as (
        delete from ${table('key_secrets')} c using removed
        where c.vault_id = ${vaultId} and c.public_key = removed.public_key
      )
      select count(*)::int as shares from removed`.execute(transaction.db);
    const sets = await sql`
      delete from ${table('oracle_sets')} o
      where vault_id = ${vaultId} and oracle_set_hash is distinct from ${vault.oracleSetHash}::bytea
        and not exists (select from ${table('keypairs')} k
                        where k.vault_id = o.vault_id and k.shares_set_hash = o.oracle_set_hash)`.execute(
      transaction.db,
    );
    return { oracleSets: Number(sets.numAffectedRows ?? 0n), shares: rows[0]?.shares ?? 0 };
  });
}
