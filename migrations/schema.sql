create table accepted_oracle_sets (
  chain_id bigint not null,
  vault bytea not null,
  accepted_by text not null,
  keeper bytea not null,
  oracle_set_hash bytea not null,
  config_ipfs_hash text not null,
  event_block bigint not null,
  event_block_hash bytea not null,
  mac bytea not null,
  accepted_at timestamp with time zone not null default clock_timestamp(),
  constraint accepted_oracle_sets_accepted_by_check CHECK (((length(accepted_by) >= 1) AND (length(accepted_by) <= 64))),
  constraint accepted_oracle_sets_chain_id_check CHECK ((chain_id > 0)),
  constraint accepted_oracle_sets_config_ipfs_hash_check CHECK (((length(config_ipfs_hash) >= 1) AND (length(config_ipfs_hash) <= 200))),
  constraint accepted_oracle_sets_event_block_check CHECK ((event_block >= 0)),
  constraint accepted_oracle_sets_event_block_hash_check CHECK ((octet_length(event_block_hash) = 32)),
  constraint accepted_oracle_sets_keeper_check CHECK ((octet_length(keeper) = 20)),
  constraint accepted_oracle_sets_mac_check CHECK ((octet_length(mac) = 32)),
  constraint accepted_oracle_sets_oracle_set_hash_check CHECK ((octet_length(oracle_set_hash) = 32)),
  constraint accepted_oracle_sets_vault_check CHECK ((octet_length(vault) = 20)),
  constraint accepted_oracle_sets_pkey PRIMARY KEY (chain_id, vault, accepted_by)
);

create table assignment_plans (
  vault_id integer not null,
  total_clients integer not null,
  digest bytea not null,
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint assignment_plans_digest_check CHECK ((octet_length(digest) = 32)),
  constraint assignment_plans_total_clients_check CHECK ((total_clients > 0)),
  constraint assignment_plans_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults(vault_id),
  constraint assignment_plans_pkey PRIMARY KEY (vault_id)
);
CREATE TRIGGER assignment_plans_delete_notified AFTER DELETE ON assignment_plans REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();
CREATE TRIGGER assignment_plans_insert_notified AFTER INSERT ON assignment_plans REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();
CREATE TRIGGER assignment_plans_update_notified AFTER UPDATE ON assignment_plans REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();

create table assignments (
  vault_id integer not null,
  public_key bytea not null,
  client_index integer not null,
  constraint assignments_client_index_check CHECK ((client_index >= 0)),
  constraint assignments_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES assignment_plans(vault_id),
  constraint assignments_vault_id_public_key_fkey FOREIGN KEY (vault_id, public_key) REFERENCES keypairs(vault_id, public_key),
  constraint assignments_pkey PRIMARY KEY (vault_id, public_key)
);

create table audit_log (
  audit_id bigint not null generated always as identity,
  at timestamp with time zone not null default clock_timestamp(),
  database_role text not null default CURRENT_USER,
  actor text not null,
  command text not null,
  network text not null,
  vault bytea not null,
  counts jsonb not null default '{}'::jsonb,
  login_role text,
  constraint audit_log_vault_check CHECK ((octet_length(vault) = 20)),
  constraint audit_log_pkey PRIMARY KEY (audit_id)
);
CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_facts BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION fill_audit_facts();

create table data_keys (
  vault_id integer not null,
  data_key_id integer not null,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint data_keys_ciphertext_check CHECK ((octet_length(ciphertext) = 48)),
  constraint data_keys_data_key_id_check CHECK ((data_key_id > 0)),
  constraint data_keys_nonce_check CHECK ((octet_length(nonce) = 12)),
  constraint data_keys_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults(vault_id),
  constraint data_keys_pkey PRIMARY KEY (vault_id, data_key_id)
);

create table deposit_data (
  vault_id integer not null,
  root bytea not null,
  document text not null,
  entry_count integer not null,
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint deposit_data_entry_count_check CHECK ((entry_count >= 0)),
  constraint deposit_data_root_check CHECK ((octet_length(root) = 32)),
  constraint deposit_data_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults(vault_id),
  constraint deposit_data_pkey PRIMARY KEY (vault_id)
);

create table deposit_registries (
  registry_id smallint not null generated always as identity,
  chain_id bigint not null,
  deposit_contract bytea not null,
  synced_block bigint not null,
  validator_count bigint not null default 0,
  next_deposit_index bigint,
  last_deposit_block bigint,
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint deposit_registries_chain_id_check CHECK ((chain_id > 0)),
  constraint deposit_registries_deposit_contract_check CHECK ((octet_length(deposit_contract) = 20)),
  constraint deposit_registries_last_deposit_block_check CHECK ((last_deposit_block >= 0)),
  constraint deposit_registries_next_deposit_index_check CHECK ((next_deposit_index >= 0)),
  constraint deposit_registries_synced_block_check CHECK ((synced_block >= '-1'::integer)),
  constraint deposit_registries_validator_count_check CHECK ((validator_count >= 0)),
  constraint deposit_registries_pkey PRIMARY KEY (registry_id),
  constraint deposit_registries_chain_id_deposit_contract_key UNIQUE (chain_id, deposit_contract)
);

create table key_secrets (
  vault_id integer not null,
  public_key bytea not null,
  data_key_id integer not null,
  nonce bytea not null,
  ciphertext bytea not null,
  constraint key_secrets_ciphertext_check CHECK ((octet_length(ciphertext) = 48)),
  constraint key_secrets_nonce_check CHECK ((octet_length(nonce) = 12)),
  constraint key_secrets_public_key_check CHECK ((octet_length(public_key) = 48)),
  constraint key_secrets_vault_id_data_key_id_fkey FOREIGN KEY (vault_id, data_key_id) REFERENCES data_keys(vault_id, data_key_id),
  constraint key_secrets_pkey PRIMARY KEY (vault_id, public_key)
);

create table key_shares (
  vault_id integer not null,
  parent_public_key bytea not null,
  oracle_set_hash bytea not null,
  share_index integer not null,
  public_key bytea not null,
  constraint key_shares_public_key_check CHECK ((octet_length(public_key) = 48)),
  constraint key_shares_share_index_check CHECK ((share_index >= 0)),
  constraint key_shares_vault_id_oracle_set_hash_fkey FOREIGN KEY (vault_id, oracle_set_hash) REFERENCES oracle_sets(vault_id, oracle_set_hash),
  constraint key_shares_vault_id_parent_public_key_fkey FOREIGN KEY (vault_id, parent_public_key) REFERENCES keypairs(vault_id, public_key),
  constraint key_shares_pkey PRIMARY KEY (vault_id, parent_public_key, oracle_set_hash, share_index),
  constraint key_shares_vault_id_public_key_key UNIQUE (vault_id, public_key)
);

create table keypairs (
  vault_id integer not null,
  public_key bytea not null,
  active boolean not null default false,
  shares_set_hash bytea,
  inserted_at timestamp with time zone not null default clock_timestamp(),
  constraint keypairs_check CHECK (((NOT active) OR (shares_set_hash IS NOT NULL))),
  constraint keypairs_public_key_check CHECK ((octet_length(public_key) = 48)),
  constraint keypairs_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults(vault_id),
  constraint keypairs_vault_id_shares_set_hash_fkey FOREIGN KEY (vault_id, shares_set_hash) REFERENCES oracle_sets(vault_id, oracle_set_hash),
  constraint keypairs_pkey PRIMARY KEY (vault_id, public_key)
);

create table network_validators (
  registry_id smallint not null,
  key_prefix bytea not null,
  constraint network_validators_key_prefix_check CHECK ((octet_length(key_prefix) = 20)),
  constraint network_validators_pkey PRIMARY KEY (registry_id, key_prefix)
);

create table operator_leases (
  chain_id bigint not null,
  vault bytea not null,
  epoch bigint not null,
  holder text not null,
  expires_at timestamp with time zone not null,
  constraint operator_leases_chain_id_check CHECK ((chain_id > 0)),
  constraint operator_leases_epoch_check CHECK ((epoch > 0)),
  constraint operator_leases_vault_check CHECK ((octet_length(vault) = 20)),
  constraint operator_leases_pkey PRIMARY KEY (chain_id, vault)
);

create table oracle_sets (
  vault_id integer not null,
  oracle_set_hash bytea not null,
  config_ipfs_hash text not null,
  threshold integer not null,
  share_count integer not null,
  public_keys bytea not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint oracle_sets_check CHECK ((share_count >= threshold)),
  constraint oracle_sets_check1 CHECK (((octet_length(public_keys) > 0) AND ((octet_length(public_keys) % share_count) = 0))),
  constraint oracle_sets_oracle_set_hash_check CHECK ((octet_length(oracle_set_hash) = 32)),
  constraint oracle_sets_threshold_check CHECK ((threshold > 0)),
  constraint oracle_sets_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults(vault_id),
  constraint oracle_sets_pkey PRIMARY KEY (vault_id, oracle_set_hash)
);

create table retired_keys (
  vault_id integer not null,
  public_key bytea not null,
  stage smallint not null,
  constraint retired_keys_public_key_check CHECK ((octet_length(public_key) = 48)),
  constraint retired_keys_stage_check CHECK (((stage >= 1) AND (stage <= 3))),
  constraint retired_keys_vault_id_public_key_fkey FOREIGN KEY (vault_id, public_key) REFERENCES keypairs(vault_id, public_key) ON DELETE CASCADE,
  constraint retired_keys_pkey PRIMARY KEY (vault_id, public_key)
);

create table schema_migrations (
  name character varying(255) not null,
  timestamp character varying(255) not null,
  constraint schema_migrations_pkey PRIMARY KEY (name)
);

create table schema_migrations_lock (
  id character varying(255) not null,
  is_locked integer not null default 0,
  constraint schema_migrations_lock_pkey PRIMARY KEY (id)
);

create table schema_steps (
  name text not null,
  applied_at timestamp with time zone not null default clock_timestamp(),
  oldest_program text not null,
  constraint schema_steps_pkey PRIMARY KEY (name)
);

create table signing_keys (
  vault_id integer not null,
  data_key_id integer not null,
  verifying_key bytea not null,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint signing_keys_ciphertext_check CHECK ((octet_length(ciphertext) = 48)),
  constraint signing_keys_nonce_check CHECK ((octet_length(nonce) = 12)),
  constraint signing_keys_verifying_key_check CHECK ((octet_length(verifying_key) = 32)),
  constraint signing_keys_vault_id_data_key_id_fkey FOREIGN KEY (vault_id, data_key_id) REFERENCES data_keys(vault_id, data_key_id) ON DELETE CASCADE,
  constraint signing_keys_pkey PRIMARY KEY (vault_id)
);

create table statements (
  vault_id integer not null,
  body bytea not null,
  signature bytea not null,
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint statements_body_check CHECK (((octet_length(body) >= 1) AND (octet_length(body) <= 1024))),
  constraint statements_signature_check CHECK ((octet_length(signature) = 64)),
  constraint statements_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES signing_keys(vault_id) ON DELETE CASCADE,
  constraint statements_pkey PRIMARY KEY (vault_id)
);
CREATE TRIGGER statements_delete_notified AFTER DELETE ON statements REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();
CREATE TRIGGER statements_insert_notified AFTER INSERT ON statements REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();
CREATE TRIGGER statements_update_notified AFTER UPDATE ON statements REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();

create table transaction_attempts (
  hash bytea not null,
  transaction_id bigint not null,
  lease_epoch bigint not null,
  nonce bigint not null,
  purpose text not null,
  raw bytea not null,
  max_fee_wei bigint not null,
  max_priority_fee_wei bigint not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  mac bytea,
  constraint transaction_attempts_hash_check CHECK ((octet_length(hash) = 32)),
  constraint transaction_attempts_mac_check CHECK ((octet_length(mac) = 32)),
  constraint transaction_attempts_max_fee_wei_check CHECK ((max_fee_wei > 0)),
  constraint transaction_attempts_max_priority_fee_wei_check CHECK ((max_priority_fee_wei >= 0)),
  constraint transaction_attempts_nonce_check CHECK ((nonce >= 0)),
  constraint transaction_attempts_purpose_check CHECK ((purpose = ANY (ARRAY['call'::text, 'cancel'::text]))),
  constraint transaction_attempts_transaction_id_fkey FOREIGN KEY (transaction_id) REFERENCES transactions(transaction_id),
  constraint transaction_attempts_pkey PRIMARY KEY (hash)
);
CREATE INDEX transaction_attempts_transaction_id_idx ON transaction_attempts USING btree (transaction_id);

create table transactions (
  transaction_id bigint not null generated always as identity,
  chain_id bigint not null,
  vault bytea not null,
  kind text not null,
  intent_key text not null,
  lease_epoch bigint not null,
  sender bytea not null,
  nonce bigint not null,
  recipient bytea not null,
  call_data bytea not null,
  gas_limit bigint not null,
  deadline bigint,
  state text not null,
  reason text,
  mined_hash bytea,
  mined_block bigint,
  request text,
  fee_ceiling_wei bigint,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  value_wei numeric(78,0) not null default 0,
  bump_ceiling_wei bigint,
  mac bytea,
  constraint transactions_bump_ceiling_wei_check CHECK ((bump_ceiling_wei > 0)),
  constraint transactions_chain_id_check CHECK ((chain_id > 0)),
  constraint transactions_check CHECK (((state <> 'confirmed'::text) OR (mined_hash IS NOT NULL))),
  constraint transactions_deadline_check CHECK ((deadline >= 0)),
  constraint transactions_fee_ceiling_wei_check CHECK ((fee_ceiling_wei > 0)),
  constraint transactions_gas_limit_check CHECK ((gas_limit > 0)),
  constraint transactions_intent_key_check CHECK ((intent_key <> ''::text)),
  constraint transactions_kind_check CHECK ((kind <> ''::text)),
  constraint transactions_mac_check CHECK ((octet_length(mac) = 32)),
  constraint transactions_mined_hash_check CHECK ((octet_length(mined_hash) = 32)),
  constraint transactions_nonce_check CHECK ((nonce >= 0)),
  constraint transactions_recipient_check CHECK ((octet_length(recipient) = 20)),
  constraint transactions_request_check CHECK ((request = ANY (ARRAY['bump'::text, 'cancel'::text]))),
  constraint transactions_sender_check CHECK ((octet_length(sender) = 20)),
  constraint transactions_state_check CHECK ((state = ANY (ARRAY['intended'::text, 'sent'::text, 'confirmed'::text, 'reverted'::text, 'abandoned'::text, 'cancelled'::text]))),
  constraint transactions_value_wei_check CHECK ((value_wei >= (0)::numeric)),
  constraint transactions_value_wei_limit CHECK ((value_wei < '115792089237316195423570985008687907853269984665640564039457584007913129639936'::numeric)),
  constraint transactions_vault_check CHECK ((octet_length(vault) = 20)),
  constraint transactions_pkey PRIMARY KEY (transaction_id),
  constraint transactions_chain_id_vault_intent_key_key UNIQUE (chain_id, vault, intent_key)
);
CREATE UNIQUE INDEX transactions_one_open ON transactions USING btree (chain_id, vault) WHERE (state = ANY (ARRAY['intended'::text, 'sent'::text]));

create table upload_proofs (
  vault_id integer not null,
  rows_digest bytea not null,
  document_digest bytea not null,
  mac bytea not null,
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint upload_proofs_document_digest_check CHECK ((octet_length(document_digest) = 32)),
  constraint upload_proofs_mac_check CHECK ((octet_length(mac) = 32)),
  constraint upload_proofs_rows_digest_check CHECK ((octet_length(rows_digest) = 32)),
  constraint upload_proofs_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults(vault_id) ON DELETE CASCADE,
  constraint upload_proofs_pkey PRIMARY KEY (vault_id)
);

create table vaults (
  vault_id integer not null generated always as identity,
  network text not null,
  chain_id bigint not null,
  address bytea not null,
  data_key_id integer not null,
  manifest_counter bigint not null default 0,
  manifest_mac bytea,
  oracle_set_hash bytea,
  deposit_data_root bytea,
  validators_digest bytea,
  operator_digest bytea,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint vaults_address_check CHECK ((octet_length(address) = 20)),
  constraint vaults_chain_id_check CHECK ((chain_id > 0)),
  constraint vaults_deposit_data_root_check CHECK ((octet_length(deposit_data_root) = 32)),
  constraint vaults_manifest_counter_check CHECK ((manifest_counter >= 0)),
  constraint vaults_manifest_mac_check CHECK ((octet_length(manifest_mac) = 32)),
  constraint vaults_network_check CHECK ((network ~ '^[a-z0-9-]{1,32}$'::text)),
  constraint vaults_operator_digest_check CHECK ((octet_length(operator_digest) = 32)),
  constraint vaults_oracle_set_hash_check CHECK ((octet_length(oracle_set_hash) = 32)),
  constraint vaults_validators_digest_check CHECK ((octet_length(validators_digest) = 32)),
  constraint vaults_vault_id_data_key_id_fkey FOREIGN KEY (vault_id, data_key_id) REFERENCES data_keys(vault_id, data_key_id) DEFERRABLE INITIALLY DEFERRED,
  constraint vaults_vault_id_oracle_set_hash_fkey FOREIGN KEY (vault_id, oracle_set_hash) REFERENCES oracle_sets(vault_id, oracle_set_hash) DEFERRABLE INITIALLY DEFERRED,
  constraint vaults_pkey PRIMARY KEY (vault_id),
  constraint vaults_network_address_key UNIQUE (network, address)
);
CREATE TRIGGER vaults_delete_notified AFTER DELETE ON vaults REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();
CREATE TRIGGER vaults_insert_notified AFTER INSERT ON vaults REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();
CREATE TRIGGER vaults_update_notified AFTER UPDATE ON vaults REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION notify_vault_changed();

create table wallet_turns (
  chain_id bigint not null,
  wallet bytea not null,
  vault bytea not null,
  nonce bigint not null,
  taken_at timestamp with time zone not null default clock_timestamp(),
  constraint wallet_turns_chain_id_check CHECK ((chain_id > 0)),
  constraint wallet_turns_nonce_check CHECK ((nonce >= 0)),
  constraint wallet_turns_vault_check CHECK ((octet_length(vault) = 20)),
  constraint wallet_turns_wallet_check CHECK ((octet_length(wallet) = 20)),
  constraint wallet_turns_pkey PRIMARY KEY (chain_id, wallet)
);

create table written_key_sets (
  vault_id integer not null,
  client_index integer not null,
  total_clients integer not null,
  key_count integer not null,
  digest bytea not null,
  manifest_counter bigint not null,
  host text not null,
  written_at timestamp with time zone not null default clock_timestamp(),
  constraint written_key_sets_check CHECK ((total_clients > client_index)),
  constraint written_key_sets_client_index_check CHECK ((client_index >= 0)),
  constraint written_key_sets_digest_check CHECK ((octet_length(digest) = 32)),
  constraint written_key_sets_host_check CHECK (((length(host) >= 1) AND (length(host) <= 255))),
  constraint written_key_sets_key_count_check CHECK ((key_count >= 0)),
  constraint written_key_sets_manifest_counter_check CHECK ((manifest_counter >= 0)),
  constraint written_key_sets_vault_id_fkey FOREIGN KEY (vault_id) REFERENCES vaults(vault_id) ON DELETE CASCADE,
  constraint written_key_sets_pkey PRIMARY KEY (vault_id, client_index)
);

CREATE OR REPLACE FUNCTION fill_audit_facts()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
      begin
        new.at := pg_catalog.clock_timestamp();
        new.database_role := current_user;
        new.login_role := session_user;
        return new;
      end $function$;

CREATE OR REPLACE FUNCTION notify_vault_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    declare changed_vault integer;
    begin
      for changed_vault in select distinct c.vault_id from changed c loop
        perform pg_catalog.pg_notify('stakewise_vault_changed', changed_vault::text);
      end loop;
      return null;
    end $function$;

CREATE OR REPLACE FUNCTION refuse_audit_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        raise exception 'audit_log is append-only' using errcode = 'restrict_violation';
      end $function$;
