import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * What the operator keeps of its transactions, and which process may send them.
 *
 * The tables are keyed by chain and vault, not by a row of `vaults`: an operator's embedded database has none.
 * A call that must happen once is one row of `transactions`, found by its key; every signed form of it is a row of
 * `transaction_attempts`, written before it is broadcast.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  for (const statement of statements(table)) await statement.execute(db);
}

function statements(table: (name: string) => ReturnType<typeof sql.id>) {
  return [
    sql`create table ${table('operator_leases')} (
      chain_id bigint not null check (chain_id > 0),
      vault bytea not null check (octet_length(vault) = 20),
      epoch bigint not null check (epoch > 0),
      holder text not null,
      expires_at timestamptz not null,
      primary key (chain_id, vault)
    )`,
    sql`create table ${table('transactions')} (
      transaction_id bigint generated always as identity primary key,
      chain_id bigint not null check (chain_id > 0),
      vault bytea not null check (octet_length(vault) = 20),
      kind text not null check (kind <> ''),
      intent_key text not null check (intent_key <> ''),
      lease_epoch bigint not null,
      sender bytea not null check (octet_length(sender) = 20),
      nonce bigint not null check (nonce >= 0),
      recipient bytea not null check (octet_length(recipient) = 20),
      call_data bytea not null,
      gas_limit bigint not null check (gas_limit > 0),
      deadline bigint check (deadline >= 0),
      state text not null
        check (state in ('intended', 'sent', 'confirmed', 'reverted', 'abandoned', 'cancelled')),
      reason text,
      mined_hash bytea check (octet_length(mined_hash) = 32),
      mined_block bigint,
      request text check (request in ('bump', 'cancel')),
      fee_ceiling_wei bigint check (fee_ceiling_wei > 0),
      created_at timestamptz not null default clock_timestamp(),
      updated_at timestamptz not null default clock_timestamp(),
      unique (chain_id, vault, intent_key),
      check (state <> 'confirmed' or mined_hash is not null)
    )`,
    // The database itself lets a vault have one transaction under way at a time.
    sql`create unique index transactions_one_open on ${table('transactions')} (chain_id, vault)
      where state in ('intended', 'sent')`,
    sql`create table ${table('transaction_attempts')} (
      hash bytea primary key check (octet_length(hash) = 32),
      transaction_id bigint not null references ${table('transactions')},
      lease_epoch bigint not null,
      nonce bigint not null check (nonce >= 0),
      purpose text not null check (purpose in ('call', 'cancel')),
      raw bytea not null,
      max_fee_wei bigint not null check (max_fee_wei > 0),
      max_priority_fee_wei bigint not null check (max_priority_fee_wei >= 0),
      created_at timestamptz not null default clock_timestamp()
    )`,
    sql`create index on ${table('transaction_attempts')} (transaction_id)`,
  ];
}
