import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * The oracle set that was accepted last for a vault, by whoever accepted it: the operator with a hot wallet, or the uploads
 * with an encryption key. Each row carries a MAC under a key that is not in the database.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  await sql`create table ${sql.id(schema, 'accepted_oracle_sets')} (
    chain_id bigint not null check (chain_id > 0),
    vault bytea not null check (octet_length(vault) = 20),
    accepted_by text not null check (length(accepted_by) between 1 and 64),
    keeper bytea not null check (octet_length(keeper) = 20),
    oracle_set_hash bytea not null check (octet_length(oracle_set_hash) = 32),
    config_ipfs_hash text not null check (length(config_ipfs_hash) between 1 and 200),
    event_block bigint not null check (event_block >= 0),
    event_block_hash bytea not null check (octet_length(event_block_hash) = 32),
    mac bytea not null check (octet_length(mac) = 32),
    accepted_at timestamptz not null default clock_timestamp(),
    primary key (chain_id, vault, accepted_by)
  )`.execute(db);
}
