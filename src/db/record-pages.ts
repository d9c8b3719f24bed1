import { type RawBuilder, sql } from 'kysely';
import { GrowingBytes } from '../lib/growing-bytes.ts';
import { declareCursor, fetchRows } from './cursor.ts';
import { inSnapshot, type Session } from './database.ts';

// What is read of a whole fleet comes as byte strings, some thousand rows at a time: as rows of its own each of 330,000 shares
// takes the client half a kilobyte.

const PAGE_SIZE = 6_000;

/**
 * Records of a query, joined by the database, page by page; to be called within a transaction.
 * @param rows - a query for `record` and its `place` from 1
 */
export function pageRecords(transaction: Session, rows: RawBuilder<unknown>): AsyncGenerator<Uint8Array> {
  const page = sql`(place - 1) / ${sql.lit(PAGE_SIZE)}`;
  return fetchEach(
    transaction,
    sql`select string_agg(record, ''::bytea order by place) as bytes from (${rows}) visible group by ${page} order by ${page}`,
  );
}

/**
 * All of {@link pageRecords} as one byte string. It comes in pages all the same: the text in which a driver gets bytes, and what it
 * gathers that text in, take five times as much as they do, and would all be there at once.
 */
export async function readRecords(session: Session, rows: RawBuilder<unknown>): Promise<Uint8Array> {
  if (!session.db.isTransaction) return inSnapshot(session, snapshot => readRecords(snapshot, rows));
  const records = new GrowingBytes();
  for await (const page of pageRecords(session, rows)) records.append(page);
  return records.subarray();
}

/**
 * The byte strings of a query, one at a time; to be called within a transaction.
 * @param query - for `bytes`
 */
export async function* fetchEach(
  transaction: Session,
  query: RawBuilder<unknown>,
): AsyncGenerator<Uint8Array> {
  const cursor = await planForWholeVault(transaction, () => declareCursor(transaction, query));
  for await (const rows of fetchRows<{ bytes: Uint8Array | null }>(transaction, cursor, 1)) {
    for (const { bytes } of rows) if (bytes !== null) yield bytes;
  }
}

/**
 * Runs a query over a whole vault with joins that suit it; to be called within a transaction. Right after an upload the server has
 * no statistics of its tables, takes them for small, and joins row by row: 24 s where hash joins take 0.7 s (120,000 keys).
 */
export async function planForWholeVault<T>(transaction: Session, run: () => Promise<T>): Promise<T> {
  const set = (nestedLoops: string, fraction: string) =>
    sql`select set_config('enable_nestloop', ${nestedLoops}, true),
      set_config('cursor_tuple_fraction', ${fraction}, true)`.execute(transaction.db);
  await set('off', '1');
  const result = await run();
  await set('on', '0.1');
  return result;
}
