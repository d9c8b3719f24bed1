import { sql } from 'kysely';
import type { SignedStatement } from '../domain/fleet/statement.ts';
import type { Session } from './database.ts';

/** A vault's Ed25519 key, sealed under the user's encryption key: nonce of 12 bytes; 32 bytes and a tag of 16. */
export interface SealedSigningKey {
  /** The data key beside which it was made; it goes when that one is replaced. */
  readonly dataKeyId: number;
  /** The public half, 32 bytes. */
  readonly verifyingKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** The vault's signing key; undefined when it was set up before there were any. */
export async function findSigningKey(
  { db }: Session,
  vaultId: number,
): Promise<SealedSigningKey | undefined> {
  const row = await db
    .selectFrom('signing_keys')
    .selectAll()
    .where('vault_id', '=', vaultId)
    .executeTakeFirst();
  return (
    row && {
      dataKeyId: row.data_key_id,
      verifyingKey: row.verifying_key,
      nonce: row.nonce,
      ciphertext: row.ciphertext,
    }
  );
}

/** Stores a signing key, unless the vault has one: of two processes the first one's stays. @returns the stored one */
export async function insertSigningKey(
  session: Session,
  vaultId: number,
  key: SealedSigningKey,
): Promise<SealedSigningKey> {
  await session.db
    .insertInto('signing_keys')
    .values({
      vault_id: vaultId,
      data_key_id: key.dataKeyId,
      verifying_key: key.verifyingKey,
      nonce: key.nonce,
      ciphertext: key.ciphertext,
    })
    .onConflict(conflict => conflict.doNothing())
    .execute();
  const stored = await findSigningKey(session, vaultId);
  if (stored === undefined) throw new Error('a signing key that was just stored is missing');
  return stored;
}

/** What the vault's key has signed last; nothing is proven of it yet. */
export async function findStatement({ db }: Session, vaultId: number): Promise<SignedStatement | undefined> {
  return db
    .selectFrom('statements')
    .select(['body', 'signature'])
    .where('vault_id', '=', vaultId)
    .executeTakeFirst();
}

/** Stores a statement as the vault's only one. */
export async function storeStatement(
  { db }: Session,
  vaultId: number,
  { body, signature }: SignedStatement,
): Promise<void> {
  await db
    .insertInto('statements')
    .values({ vault_id: vaultId, body, signature })
    .onConflict(conflict =>
      conflict.column('vault_id').doUpdateSet({ body, signature, updated_at: sql`clock_timestamp()` }),
    )
    .execute();
}
