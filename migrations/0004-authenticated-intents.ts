import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * What lets an operator tell its own transactions from what others have written there, and whose turn a wallet is.
 *
 * A row without a tag is from before this step, or of a stranger: its transaction is looked after, but nothing of the row
 * is signed any more. Several vaults may have one wallet: its next nonce is one vault's at a time.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  await sql`alter table ${table('transactions')}
    add column value_wei bigint not null default 0 check (value_wei >= 0),
    add column bump_ceiling_wei bigint check (bump_ceiling_wei > 0),
    add column mac bytea check (octet_length(mac) = 32)`.execute(db);
  await sql`alter table ${table('transaction_attempts')}
    add column mac bytea check (octet_length(mac) = 32)`.execute(db);
  await sql`create table ${table('wallet_turns')} (
    chain_id bigint not null check (chain_id > 0),
    wallet bytea not null check (octet_length(wallet) = 20),
    vault bytea not null check (octet_length(vault) = 20),
    nonce bigint not null check (nonce >= 0),
    taken_at timestamptz not null default clock_timestamp(),
    primary key (chain_id, wallet)
  )`.execute(db);
}
