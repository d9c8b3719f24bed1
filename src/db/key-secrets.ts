import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import { toHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import { GCM_NONCE_LENGTH, PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { declareCursor, fetchRows } from './cursor.ts';
import { type Session, tableOf } from './database.ts';
import { planForWholeVault, readRecords } from './record-pages.ts';
import { readSealedRecord, SEALED_RECORD_LENGTH, type StoredSecret, sealedRecord } from './sealed-record.ts';

const DIGEST_PAGE_SIZE = 2_000;
const MANIFEST_PAGE_SIZE = 6_000;
/** Length of a manifest's entry: public key, data-key id, nonce. */
const MANIFEST_ENTRY_LENGTH = PUBLIC_KEY_LENGTH + 4 + GCM_NONCE_LENGTH;

/**
 * Every sealed key that readers see, in public-key order, page by page in one snapshot: the active validators, and of each
 * the shares of its current oracle set. Called with a database it holds a transaction until the loop ends, and nothing else
 * may be asked of an embedded database inside the loop; called within `inSnapshot` it shares that one.
 */
export async function* pageActiveSecrets(
  session: Session,
  options: { vaultId: number; pageSize: number },
): AsyncGenerator<StoredSecret[], void, undefined> {
  for await (const page of pageActiveRecords(session, options)) {
    yield Array.from({ length: page.length / SEALED_RECORD_LENGTH }, (_, i) =>
      readSealedRecord(page.subarray(i * SEALED_RECORD_LENGTH, (i + 1) * SEALED_RECORD_LENGTH)),
    );
  }
}

/** {@link pageActiveSecrets}, a page being one array of the records that `readSealedRecord` reads. */
export async function* pageActiveRecords(
  session: Session,
  { vaultId, pageSize }: { vaultId: number; pageSize: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  if (session.db.isTransaction) {
    yield* pages(session, vaultId, byPublicKey(pageSize));
    return;
  }
  const db = await session.db
    .startTransaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute();
  try {
    yield* pages({ ...session, db }, vaultId, byPublicKey(pageSize));
  } finally {
    await db.rollback().execute();
  }
}

/**
 * The rows of {@link pageActiveSecrets} as records, by validator: of each its own row first, then its shares by place. To be
 * called within a transaction.
 */
export async function* pageValidatorRecords(
  transaction: Session,
  { vaultId, pageSize }: { vaultId: number; pageSize: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pages(transaction, vaultId, {
    record: sealedRecord(),
    length: SEALED_RECORD_LENGTH,
    order: byValidator(),
    pageSize,
  });
}

/** SHA-256 over the records of {@link pageValidatorRecords}: the whole of every row that readers see. */
export async function digestValidatorRecords(transaction: Session, vaultId: number): Promise<Uint8Array> {
  const hash = createHash('sha256');
  for await (const page of pageValidatorRecords(transaction, { vaultId, pageSize: DIGEST_PAGE_SIZE }))
    hash.update(page);
  return new Uint8Array(hash.digest());
}

/**
 * The manifest's entries, in the order of their public keys: exactly the rows of {@link pageActiveSecrets}, each as public
 * key, data-key id and nonce. To be called within a transaction.
 */
export async function* pageManifestEntries(
  transaction: Session,
  vaultId: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pages(transaction, vaultId, {
    record: sql`c.public_key || int4send(c.data_key_id) || c.nonce`,
    length: MANIFEST_ENTRY_LENGTH,
    order: sql`c.public_key`,
    pageSize: MANIFEST_PAGE_SIZE,
  });
}

/**
 * Own rows of the validators that readers see, in public-key order: all of them, read to the end before anything else is
 * asked of the database, since an embedded one has one connection. 112 bytes each.
 */
export function listValidatorSecrets(session: Session, vaultId: number): Promise<Uint8Array> {
  return readRecords(
    session,
    sql`
      select c.public_key || int4send(c.data_key_id) || c.nonce || c.ciphertext as record,
        row_number() over (order by c.public_key) as place
      from ${tableOf(session, 'key_secrets')} c
      join ${tableOf(session, 'keypairs')} k on k.vault_id = c.vault_id and k.public_key = c.public_key and k.active
      where c.vault_id = ${sql.lit(vaultId)}`,
  );
}

interface Page {
  readonly records: Uint8Array;
  readonly malformed: Uint8Array | null;
}

interface PagesOptions {
  /** A row's bytes, of this length whatever the row. */
  readonly record: RawBuilder<unknown>;
  readonly length: number;
  readonly order: RawBuilder<unknown>;
  readonly pageSize: number;
}

// A cursor, since a query per page would have the planner choose anew each time.
// The database joins a page's records: 120,000 rows of 8 columns are a million objects and 200 MB to the client.
async function* pages(
  session: Session,
  vaultId: number,
  { record, length, order, pageSize }: PagesOptions,
): AsyncGenerator<Uint8Array> {
  const page = sql`(place - 1) / ${sql.lit(pageSize)}`;
  const query = sql`
      select string_agg(record, ''::bytea order by place) as records,
        (array_agg(public_key) filter (where octet_length(record) <> ${sql.lit(length)}))[1] as malformed
      from (
        select ${record} as record, c.public_key, row_number() over (order by ${order}) as place
        ${visibleSecrets(session, sql.lit(vaultId))}
      ) visible
      group by ${page}
      order by ${page}`;
  const cursor = await planForWholeVault(session, () => declareCursor(session, query));
  for await (const rows of fetchRows<Page>(session, cursor, 1)) {
    for (const row of rows) {
      if (row.malformed !== null) throw malformed(row.malformed);
      yield row.records;
    }
  }
}

function byPublicKey(pageSize: number): PagesOptions {
  return { record: sealedRecord(), length: SEALED_RECORD_LENGTH, order: sql`c.public_key`, pageSize };
}

/** What has no parent is a validator's own row; its place is before that of any share. */
function byValidator(): RawBuilder<unknown> {
  return sql`coalesce(s.parent_public_key, c.public_key), coalesce(s.share_index, -1), c.public_key`;
}

// The tables' own checks forbid it, unless somebody has dropped them.
function malformed(publicKey: Uint8Array): OperatorError {
  return new OperatorError(
    'row-tampered',
    `The encrypted row of public key ${toHex(publicKey)} is not what was written for this vault: its length is wrong.`,
    { hint: 'Restore the database from a backup.' },
  );
}

function visibleSecrets(session: Session, vaultId: RawBuilder<number>) {
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
