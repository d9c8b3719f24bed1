import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * Everything of the first release.
 *
 * Every key of a table below `vaults` starts with vault_id, so that vaults in one database never see each other's rows.
 * A keypair's public facts (keypairs, key_shares) and its ciphertext (key_secrets) are apart, so that roles can be granted
 * the one without the other: setup-validator and setup-operator need no select on key_secrets.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  for (const statement of statements(table)) await statement.execute(db);
}

function statements(table: (name: string) => ReturnType<typeof sql.id>) {
  return [
    sql`create table ${table('schema_steps')} (
      name text primary key,
      applied_at timestamptz not null default clock_timestamp(),
      oldest_program text not null
    )`,
    sql`create table ${table('vaults')} (
      vault_id integer generated always as identity primary key,
      network text not null check (network ~ '^[a-z0-9-]{1,32}$'),
      chain_id bigint not null check (chain_id > 0),
      address bytea not null check (octet_length(address) = 20),
      data_key_id integer not null,
      manifest_counter bigint not null default 0 check (manifest_counter >= 0),
      manifest_mac bytea check (octet_length(manifest_mac) = 32),
      oracle_set_hash bytea check (octet_length(oracle_set_hash) = 32),
      deposit_data_root bytea check (octet_length(deposit_data_root) = 32),
      validators_digest bytea check (octet_length(validators_digest) = 32),
      operator_digest bytea check (octet_length(operator_digest) = 32),
      created_at timestamptz not null default clock_timestamp(),
      unique (network, address)
    )`,
    sql`create table ${table('data_keys')} (
      vault_id integer not null references ${table('vaults')},
      data_key_id integer not null check (data_key_id > 0),
      nonce bytea not null check (octet_length(nonce) = 12),
      ciphertext bytea not null check (octet_length(ciphertext) = 48),
      created_at timestamptz not null default clock_timestamp(),
      primary key (vault_id, data_key_id)
    )`,
    sql`create table ${table('oracle_sets')} (
      vault_id integer not null references ${table('vaults')},
      oracle_set_hash bytea not null check (octet_length(oracle_set_hash) = 32),
      config_ipfs_hash text not null,
      threshold integer not null check (threshold > 0),
      share_count integer not null check (share_count >= threshold),
      public_keys bytea not null check (octet_length(public_keys) > 0 and octet_length(public_keys) % share_count = 0),
      created_at timestamptz not null default clock_timestamp(),
      primary key (vault_id, oracle_set_hash)
    )`,
    // Both reference a row that is inserted after the vault's own, in the same transaction.
    sql`alter table ${table('vaults')}
      add foreign key (vault_id, data_key_id) references ${table('data_keys')} deferrable initially deferred,
      add foreign key (vault_id, oracle_set_hash) references ${table('oracle_sets')} deferrable initially deferred`,
    sql`create table ${table('keypairs')} (
      vault_id integer not null references ${table('vaults')},
      public_key bytea not null check (octet_length(public_key) = 48),
      active boolean not null default false,
      shares_set_hash bytea,
      inserted_at timestamptz not null default clock_timestamp(),
      primary key (vault_id, public_key),
      foreign key (vault_id, shares_set_hash) references ${table('oracle_sets')},
      check (not active or shares_set_hash is not null)
    )`,
    sql`create table ${table('key_shares')} (
      vault_id integer not null,
      parent_public_key bytea not null,
      oracle_set_hash bytea not null,
      share_index integer not null check (share_index >= 0),
      public_key bytea not null check (octet_length(public_key) = 48),
      primary key (vault_id, parent_public_key, oracle_set_hash, share_index),
      unique (vault_id, public_key),
      foreign key (vault_id, parent_public_key) references ${table('keypairs')},
      foreign key (vault_id, oracle_set_hash) references ${table('oracle_sets')}
    )`,
    sql`create table ${table('key_secrets')} (
      vault_id integer not null,
      public_key bytea not null check (octet_length(public_key) = 48),
      data_key_id integer not null,
      nonce bytea not null check (octet_length(nonce) = 12),
      ciphertext bytea not null check (octet_length(ciphertext) = 48),
      primary key (vault_id, public_key),
      foreign key (vault_id, data_key_id) references ${table('data_keys')}
    )`,
    sql`create table ${table('deposit_data')} (
      vault_id integer primary key references ${table('vaults')},
      root bytea not null check (octet_length(root) = 32),
      document text not null,
      entry_count integer not null check (entry_count >= 0),
      updated_at timestamptz not null default clock_timestamp()
    )`,
    sql`create table ${table('assignment_plans')} (
      vault_id integer primary key references ${table('vaults')},
      total_clients integer not null check (total_clients > 0),
      digest bytea not null check (octet_length(digest) = 32),
      updated_at timestamptz not null default clock_timestamp()
    )`,
    sql`create table ${table('assignments')} (
      vault_id integer not null references ${table('assignment_plans')},
      public_key bytea not null,
      client_index integer not null check (client_index >= 0),
      primary key (vault_id, public_key),
      foreign key (vault_id, public_key) references ${table('keypairs')}
    )`,
    // No reference to vaults: the log outlives a vault's removal.
    sql`create table ${table('audit_log')} (
      audit_id bigint generated always as identity primary key,
      at timestamptz not null default clock_timestamp(),
      database_role text not null default current_user,
      actor text not null,
      command text not null,
      network text not null,
      vault bytea not null check (octet_length(vault) = 20),
      counts jsonb not null default '{}'
    )`,
    sql`create function ${table('refuse_audit_change')}() returns trigger language plpgsql as $$
      begin
        raise exception 'audit_log is append-only' using errcode = 'restrict_violation';
      end $$`,
    sql`create trigger audit_log_append_only before update or delete or truncate on ${table('audit_log')}
      for each statement execute function ${table('refuse_audit_change')}()`,
  ];
}
