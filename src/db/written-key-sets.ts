import { sql } from 'kysely';
import type { Session } from './database.ts';

/** What the files of one validator client were written with. */
export interface WrittenKeySet {
  readonly clientIndex: number;
  readonly totalClients: number;
  readonly keyCount: number;
  /** SHA-256 over the public keys, as `validatorsDigest` makes it; 32 bytes. */
  readonly digest: Uint8Array;
  readonly manifestCounter: bigint;
  /** Name of the machine. */
  readonly host: string;
}

export interface StoredKeySet extends WrittenKeySet {
  /** The database's clock. */
  readonly writtenAt: Date;
}

/** Records what the files of a validator client have been written with, in place of what was recorded before. */
export async function recordWrittenKeySet(
  { db }: Session,
  vaultId: number,
  written: WrittenKeySet,
): Promise<void> {
  const columns = {
    total_clients: written.totalClients,
    key_count: written.keyCount,
    digest: written.digest,
    manifest_counter: written.manifestCounter,
    host: written.host,
  };
  await db
    .insertInto('written_key_sets')
    .values({ vault_id: vaultId, client_index: written.clientIndex, ...columns })
    .onConflict(conflict =>
      conflict
        .columns(['vault_id', 'client_index'])
        .doUpdateSet({ ...columns, written_at: sql`clock_timestamp()` }),
    )
    .execute();
}

/** What the files of every validator client were written with last, in the order of the clients. */
export async function listWrittenKeySets({ db }: Session, vaultId: number): Promise<StoredKeySet[]> {
  const rows = await db
    .selectFrom('written_key_sets')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .orderBy('client_index')
    .execute();
  return rows.map(row => ({
    clientIndex: row.client_index,
    totalClients: row.total_clients,
    keyCount: row.key_count,
    digest: row.digest,
    manifestCounter: row.manifest_counter,
    host: row.host,
    writtenAt: row.written_at,
  }));
}
