import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * Every validator for which a chain's deposit contract has taken a valid deposit, and how far the chain has been read.
 *
 * There are two million of them on mainnet. A key is found by its first 20 bytes, which are as proof against collisions as
 * an address and take half the space of all 48; there is no reference to deposit_registries, which would be looked up two
 * million times; the count is kept in the registry's row, which every writer locks.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  await sql`create table ${table('deposit_registries')} (
    registry_id smallint generated always as identity primary key,
    chain_id bigint not null check (chain_id > 0),
    deposit_contract bytea not null check (octet_length(deposit_contract) = 20),
    synced_block bigint not null check (synced_block >= -1),
    validator_count bigint not null default 0 check (validator_count >= 0),
    next_deposit_index bigint check (next_deposit_index >= 0),
    last_deposit_block bigint check (last_deposit_block >= 0),
    updated_at timestamptz not null default clock_timestamp(),
    unique (chain_id, deposit_contract)
  )`.execute(db);
  await sql`create table ${table('network_validators')} (
    registry_id smallint not null,
    key_prefix bytea not null check (octet_length(key_prefix) = 20),
    primary key (registry_id, key_prefix)
  )`.execute(db);
}
