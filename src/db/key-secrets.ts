import { sql } from 'kysely';
import { type Session, tableOf } from './database.ts';
import type { SealedKey } from './keypairs.ts';

/** A sealed key with the public facts that it is bound to. */
export interface StoredSecret extends SealedKey {
  readonly kind: 'validator' | 'share';
  readonly publicKey: Uint8Array;
  /** These three are null for a validator's own key. */
  readonly parentPublicKey: Uint8Array | null;
  readonly oracleSetHash: Uint8Array | null;
  readonly shareIndex: number | null;
  readonly dataKeyId: number;
}

/** What the manifest's MAC covers of each row that readers see. */
export interface ManifestEntry {
  readonly publicKey: Uint8Array;
  readonly dataKeyId: number;
  readonly nonce: Uint8Array;
}

/**
 * Every sealed key that readers see, in public-key order, page by page in one snapshot: the active validators, and of each
 * the shares of its current oracle set. Called with a database it holds a transaction until the loop ends, and nothing else
 * may be asked of an embedded database inside the loop; called within `inSnapshot` it shares that one.
 */
export async function* pageActiveSecrets(
  session: Session,
  { vaultId, pageSize }: { vaultId: number; pageSize: number },
): AsyncGenerator<StoredSecret[], void, undefined> {
  if (session.db.isTransaction) {
    yield* pages(session, vaultId, pageSize);
    return;
  }
  const db = await session.db
    .startTransaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute();
  try {
    yield* pages({ ...session, db }, vaultId, pageSize);
  } finally {
    await db.rollback().execute();
  }
}

async function* pages(session: Session, vaultId: number, pageSize: number): AsyncGenerator<StoredSecret[]> {
  let after: Uint8Array = new Uint8Array(0);
  for (;;) {
    const { rows } = await sql<StoredSecret>`
      select case when k.public_key is null then 'share' else 'validator' end as kind,
        c.public_key as "publicKey", s.parent_public_key as "parentPublicKey", s.oracle_set_hash as "oracleSetHash",
        s.share_index as "shareIndex", c.data_key_id as "dataKeyId", c.nonce, c.ciphertext
      ${visibleSecrets(session, vaultId)} and c.public_key > ${after}
      order by c.public_key limit ${pageSize}`.execute(session.db);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    if (rows.length < pageSize) return;
    after = last.publicKey;
  }
}

/** The manifest's entries: exactly the rows of {@link pageActiveSecrets}, in the same order. */
export async function listManifestEntries(session: Session, vaultId: number): Promise<ManifestEntry[]> {
  const { rows } = await sql<ManifestEntry>`
    select c.public_key as "publicKey", c.data_key_id as "dataKeyId", c.nonce
    ${visibleSecrets(session, vaultId)}
    order by c.public_key`.execute(session.db);
  return rows;
}

function visibleSecrets(session: Session, vaultId: number) {
  return sql`
    from ${tableOf(session, 'key_secrets')} c
    left join ${tableOf(session, 'keypairs')} k
      on k.vault_id = c.vault_id and k.public_key = c.public_key and k.active
    left join ${tableOf(session, 'key_shares')} s on s.vault_id = c.vault_id and s.public_key = c.public_key
    left join ${tableOf(session, 'keypairs')} p
      on p.vault_id = s.vault_id and p.public_key = s.parent_public_key and p.shares_set_hash = s.oracle_set_hash
      and p.active
    where c.vault_id = ${vaultId} and (k.public_key is not null or p.public_key is not null)`;
}
