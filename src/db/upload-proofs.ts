import { sql } from 'kysely';
import type { Session } from './database.ts';

/** What the last upload has proven, with its MAC: 32 bytes each. Nothing is proven of the row itself. */
export interface StoredUploadProof {
  /** SHA-256 over the whole of every row that readers see, by validator. */
  readonly rowsDigest: Uint8Array;
  /** SHA-256 over the deposit data's text. */
  readonly documentDigest: Uint8Array;
  readonly mac: Uint8Array;
}

/** The proof of the last upload; undefined before the first one that left any. */
export async function findUploadProof(
  { db }: Session,
  vaultId: number,
): Promise<StoredUploadProof | undefined> {
  return db
    .selectFrom('upload_proofs')
    .select(['rows_digest as rowsDigest', 'document_digest as documentDigest', 'mac'])
    .where('vault_id', '=', vaultId)
    .executeTakeFirst();
}

/** Stores a proof as the vault's only one. */
export async function storeUploadProof(
  { db }: Session,
  vaultId: number,
  proof: StoredUploadProof,
): Promise<void> {
  const columns = {
    rows_digest: proof.rowsDigest,
    document_digest: proof.documentDigest,
    mac: proof.mac,
  };
  await db
    .insertInto('upload_proofs')
    .values({ vault_id: vaultId, ...columns })
    .onConflict(conflict =>
      conflict.column('vault_id').doUpdateSet({ ...columns, updated_at: sql`clock_timestamp()` }),
    )
    .execute();
}
