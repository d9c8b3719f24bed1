import { sql } from 'kysely';
import type { Session } from './database.ts';

/** The vault's deposit data file, as `setup-operator` writes it. */
export interface StoredDepositData {
  /** Root of its tree, 32 bytes. */
  readonly root: Uint8Array;
  /** The file's text. */
  readonly document: string;
  readonly entryCount: number;
}

/** The vault's current deposit data, undefined before the first upload. */
export async function findDepositData(
  { db }: Session,
  vaultId: number,
): Promise<StoredDepositData | undefined> {
  const row = await db
    .selectFrom('deposit_data')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .executeTakeFirst();
  return row && { root: row.root, document: row.document, entryCount: row.entry_count };
}

/** Stores deposit data as the vault's only one. */
export async function replaceDepositData(
  { db }: Session,
  vaultId: number,
  data: StoredDepositData,
): Promise<void> {
  const columns = { root: data.root, document: data.document, entry_count: data.entryCount };
  await db
    .insertInto('deposit_data')
    .values({ vault_id: vaultId, ...columns })
    .onConflict(conflict =>
      conflict.column('vault_id').doUpdateSet({ ...columns, updated_at: sql`clock_timestamp()` }),
    )
    .execute();
}
