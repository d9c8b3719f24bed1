import type { ColumnType, Generated } from 'kysely';

/** Filled by the database's clock, never written. */
type Timestamp = ColumnType<Date, never, never>;

/** The tables of `migrations/`, as the program sees them: bytea is Uint8Array, bigint is bigint. */
export interface Schema {
  schema_steps: { name: string; applied_at: Timestamp; oldest_program: string };
  vaults: {
    vault_id: Generated<number>;
    network: string;
    chain_id: bigint;
    address: Uint8Array;
    data_key_id: number;
    manifest_counter: Generated<bigint>;
    manifest_mac: Uint8Array | null;
    oracle_set_hash: Uint8Array | null;
    deposit_data_root: Uint8Array | null;
    validators_digest: Uint8Array | null;
    operator_digest: Uint8Array | null;
    created_at: Timestamp;
  };
  data_keys: {
    vault_id: number;
    data_key_id: number;
    nonce: Uint8Array;
    ciphertext: Uint8Array;
    created_at: Timestamp;
  };
  signing_keys: {
    vault_id: number;
    data_key_id: number;
    /** The public half, 32 bytes. */
    verifying_key: Uint8Array;
    nonce: Uint8Array;
    ciphertext: Uint8Array;
    created_at: Timestamp;
  };
  statements: {
    vault_id: number;
    body: Uint8Array;
    signature: Uint8Array;
    updated_at: ColumnType<Date, never, Date>;
  };
  oracle_sets: {
    vault_id: number;
    oracle_set_hash: Uint8Array;
    config_ipfs_hash: string;
    threshold: number;
    share_count: number;
    /** All public keys, in oracle order, one after another; of equal length. */
    public_keys: Uint8Array;
    created_at: Timestamp;
  };
  keypairs: {
    vault_id: number;
    public_key: Uint8Array;
    active: Generated<boolean>;
    shares_set_hash: Uint8Array | null;
    inserted_at: Timestamp;
  };
  key_shares: {
    vault_id: number;
    parent_public_key: Uint8Array;
    oracle_set_hash: Uint8Array;
    share_index: number;
    public_key: Uint8Array;
  };
  key_secrets: {
    vault_id: number;
    public_key: Uint8Array;
    data_key_id: number;
    nonce: Uint8Array;
    ciphertext: Uint8Array;
  };
  deposit_data: {
    vault_id: number;
    root: Uint8Array;
    document: string;
    entry_count: number;
    updated_at: ColumnType<Date, never, Date>;
  };
  upload_proofs: {
    vault_id: number;
    rows_digest: Uint8Array;
    document_digest: Uint8Array;
    mac: Uint8Array;
    updated_at: ColumnType<Date, never, Date>;
  };
  assignment_plans: { vault_id: number; total_clients: number; digest: Uint8Array; updated_at: Timestamp };
  assignments: { vault_id: number; public_key: Uint8Array; client_index: number };
  /** What the files of each validator client were written with last. */
  written_key_sets: {
    vault_id: number;
    client_index: number;
    total_clients: number;
    key_count: number;
    digest: Uint8Array;
    manifest_counter: bigint;
    host: string;
    written_at: ColumnType<Date, never, Date>;
  };
  /** Validators that have exited for good, and how far they have been taken out; see `domain/fleet/retired-keys.ts`. */
  retired_keys: { vault_id: number; public_key: Uint8Array; stage: number };
  audit_log: {
    audit_id: ColumnType<bigint, never, never>;
    at: Timestamp;
    database_role: ColumnType<string, never, never>;
    /** The column is null in entries from before 0005. */
    login_role: ColumnType<string | null, never, never>;
    actor: string;
    command: string;
    network: string;
    vault: Uint8Array;
    /** Any JSON, whatever a writer has put there. */
    counts: ColumnType<unknown, string, never>;
  };
  operator_leases: {
    chain_id: bigint;
    vault: Uint8Array;
    epoch: bigint;
    holder: string;
    expires_at: Date;
  };
  transactions: {
    transaction_id: ColumnType<bigint, never, never>;
    chain_id: bigint;
    vault: Uint8Array;
    kind: string;
    intent_key: string;
    lease_epoch: bigint;
    sender: Uint8Array;
    nonce: bigint;
    recipient: Uint8Array;
    call_data: Uint8Array;
    gas_limit: bigint;
    /** Unix seconds on the chain's clock. */
    deadline: bigint | null;
    state: 'intended' | 'sent' | 'confirmed' | 'reverted' | 'abandoned' | 'cancelled';
    reason: string | null;
    mined_hash: Uint8Array | null;
    mined_block: bigint | null;
    /** What a user asked for by `tx bump` or `tx cancel`. */
    request: 'bump' | 'cancel' | null;
    /** The ceiling that counts in place of the configured one. */
    fee_ceiling_wei: bigint | null;
    value_wei: Generated<bigint>;
    /** What the operator offers at most when `tx bump` asks for more. */
    bump_ceiling_wei: bigint | null;
    /** Tag under a key of the wallet's; null in rows of no operator's, or from before there were tags. */
    mac: Uint8Array | null;
    created_at: Timestamp;
    updated_at: ColumnType<Date, never, Date>;
  };
  transaction_attempts: {
    hash: Uint8Array;
    transaction_id: bigint;
    lease_epoch: bigint;
    nonce: bigint;
    purpose: 'call' | 'cancel';
    raw: Uint8Array;
    max_fee_wei: bigint;
    max_priority_fee_wei: bigint;
    mac: Uint8Array | null;
    created_at: Timestamp;
  };
  wallet_turns: {
    chain_id: bigint;
    wallet: Uint8Array;
    vault: Uint8Array;
    nonce: bigint;
    taken_at: Generated<Date>;
  };
  deposit_registries: {
    registry_id: Generated<number>;
    chain_id: bigint;
    deposit_contract: Uint8Array;
    /** All deposits up to this block are in; one before the first block at the start. */
    synced_block: bigint;
    validator_count: Generated<bigint>;
    /** Index of the next deposit; null until one has been seen. */
    next_deposit_index: bigint | null;
    last_deposit_block: bigint | null;
    updated_at: ColumnType<Date, never, Date>;
  };
  network_validators: { registry_id: number; key_prefix: Uint8Array };
  accepted_oracle_sets: {
    chain_id: bigint;
    vault: Uint8Array;
    /** Name of whoever holds the key of the MAC. */
    accepted_by: string;
    keeper: Uint8Array;
    oracle_set_hash: Uint8Array;
    config_ipfs_hash: string;
    event_block: bigint;
    event_block_hash: Uint8Array;
    mac: Uint8Array;
    accepted_at: ColumnType<Date, never, Date>;
  };
}

export type TableName = keyof Schema;

/** Schema of our own in the database, unless `--db-schema` names another. */
export const DEFAULT_SCHEMA = 'stakewise_operator';
