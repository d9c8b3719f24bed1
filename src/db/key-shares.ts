import { sql } from 'kysely';
import { inTransaction, type Session, tableOf } from './database.ts';
import { planForWholeVault } from './record-pages.ts';
import type { TableName } from './schema.ts';
import { lockVault } from './vaults.ts';

/** A key share that readers see. */
export interface VisibleShare {
  readonly parentPublicKey: Uint8Array;
  /** Position of its oracle, from 0. */
  readonly shareIndex: number;
  readonly publicKey: Uint8Array;
}

/**
 * The shares that readers see, by parent and oracle: of each active validator those of its current set. To be called within a
 * transaction: the server must not choose the join by its statistics, which may be those of a vault that was emptied.
 */
export function listVisibleShares(session: Session, vaultId: number): Promise<VisibleShare[]> {
  return planForWholeVault(session, () =>
    session.db
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
      .execute(),
  );
}

/**
 * Public keys of all shares that the vault has, of whichever oracle set, one after another: 48 bytes each. Shares of a set
 * that was replaced stay until they are pruned.
 */
export async function listSharePublicKeys(session: Session, vaultId: number): Promise<Uint8Array> {
  const { rows } = await sql<{ records: Uint8Array | null }>`
    select string_agg(public_key, ''::bytea) as records
    from ${tableOf(session, 'key_shares')}
    where vault_id = ${vaultId}`.execute(session.db);
  return rows[0]?.records ?? new Uint8Array(0);
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
