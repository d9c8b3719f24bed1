import { sql } from 'kysely';
import { RETIREMENT_STAGES, RetiredKeys } from '../domain/fleet/retired-keys.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { type Session, tableOf } from './database.ts';
import { intArray, rowsOf, rowsOfFlat } from './flat-bytes.ts';
import { readRecords } from './record-pages.ts';

/** The vault's retired keys as the rows have them; nothing of them is proven yet. */
export async function listRetiredKeys(session: Session, vaultId: number): Promise<RetiredKeys> {
  const records = await readRecords(
    session,
    sql`
      select set_byte('\\x00'::bytea, 0, stage) || public_key as record,
        row_number() over (order by public_key) as place
      from ${tableOf(session, 'retired_keys')} where vault_id = ${sql.lit(vaultId)}`,
  );
  return RetiredKeys.read(records);
}

/** Stores these in place of all that were; to be called within a transaction that keeps every other writer of the vault out. */
export async function replaceRetiredKeys(
  transaction: Session,
  vaultId: number,
  retired: RetiredKeys,
): Promise<void> {
  await transaction.db.deleteFrom('retired_keys').where('vault_id', '=', vaultId).execute();
  if (retired.length === 0) return;
  const rows = [...retired];
  const keys = rowsOf(
    rows.map(({ publicKey }) => publicKey),
    PUBLIC_KEY_LENGTH,
  );
  const stages = intArray(rows.map(({ stage }) => RETIREMENT_STAGES.indexOf(stage) + 1));
  await sql`
    insert into ${tableOf(transaction, 'retired_keys')} (vault_id, public_key, stage)
    select ${vaultId}::int, k.piece, s.stage
    from ${keys} k
    join unnest(${stages}) with ordinality as s (stage, number) on s.number = k.position + 1`.execute(
    transaction.db,
  );
}

/**
 * Public keys of all shares that some validators have, of whichever oracle set, one after another: each 48 bytes behind the 48 of
 * its validator.
 * @param parents - public keys of the validators, one after another
 */
export async function listSharesOf(
  session: Session,
  vaultId: number,
  parents: Uint8Array,
): Promise<Uint8Array> {
  const { rows } = await sql<{ records: Uint8Array | null }>`
    select string_agg(s.parent_public_key || s.public_key, ''::bytea) as records
    from ${tableOf(session, 'key_shares')} s
    join ${rowsOfFlat(parents, PUBLIC_KEY_LENGTH)} k on k.piece = s.parent_public_key
    where s.vault_id = ${vaultId}`.execute(session.db);
  return rows[0]?.records ?? new Uint8Array(0);
}
