import { randomBytes } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { Session } from './database.ts';

/** A query that the server has planned and begun: one plan and one sort for all that is fetched of it. */
type Cursor = RawBuilder<unknown>;

/** Declares a cursor; to be called within a transaction. The query takes no parameters. */
export async function declareCursor({ db }: Session, query: RawBuilder<unknown>): Promise<Cursor> {
  const cursor = sql.id(`rows_${randomBytes(8).toString('hex')}`);
  await sql`declare ${cursor} no scroll cursor for ${query}`.execute(db);
  return cursor;
}

/** The rows of a cursor, so many together, and closes it behind the last ones. */
export async function* fetchRows<T>(
  { db }: Session,
  cursor: Cursor,
  atOnce: number,
): AsyncGenerator<readonly T[], void, undefined> {
  for (;;) {
    const { rows } = await sql<T>`fetch ${sql.lit(atOnce)} from ${cursor}`.execute(db);
    if (rows.length === 0) break;
    yield rows;
  }
  await sql`close ${cursor}`.execute(db);
}
