import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * The ether that goes with a transaction may be whatever a transaction can carry: a bigint ends at 9.2 ether.
 *
 * Below 2^256, since nothing else is an amount: `NaN`, which numeric has, is greater than all numbers to Postgres.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = sql.id(schema, 'transactions');
  const limit = sql.lit(String(2n ** 256n));
  await sql`alter table ${table}
    alter column value_wei type numeric(78),
    add constraint transactions_value_wei_limit check (value_wei < ${limit}::numeric)`.execute(db);
}
