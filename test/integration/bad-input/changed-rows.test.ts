import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSql } from '../../support/postgres/postgres.ts';
import {
  openTamperBench,
  runReaders,
  type TamperBench,
  tamper,
} from '../../support/scenes/bad-input/tamper.ts';

let bench: TamperBench;
beforeAll(async () => {
  bench = await openTamperBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

const VALIDATOR = 'public_key not in (select public_key from key_shares)';
const CURRENT = 'oracle_set_hash = (select oracle_set_hash from vaults where vault_id = $vault)';
const SHARE = `public_key in (select public_key from key_shares where ${CURRENT})`;

/** Tables of one vault, and which of their rows are changed in turn. */
const ROWS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  vaults: { vault: 'true' },
  data_keys: { 'data key': 'true' },
  oracle_sets: { 'current set': CURRENT },
  keypairs: { validator: 'true' },
  key_shares: { 'current share': CURRENT },
  key_secrets: { validator: VALIDATOR, 'current share': SHARE },
  deposit_data: { document: 'true' },
  assignment_plans: { plan: 'true' },
  assignments: { assignment: 'true' },
  signing_keys: { 'signing key': 'true' },
  statements: { statement: 'true' },
};
/** Nobody reads these, and no output depends on them. */
const UNREAD = new Set(['created_at', 'inserted_at', 'updated_at']);
/** Refused by Postgres itself. */
const REFUSED = new Set(['vaults.vault_id']);
/** Their own checks: append-only, and the schema's level. */
const OTHER_TABLES = new Set([
  'audit_log',
  'schema_steps',
  'schema_migrations',
  'schema_migrations_lock',
  // Read by what accepts oracle sets only, with a MAC of its own for each row.
  'accepted_oracle_sets',
  // Read by uploads only, and under a MAC: without a proof they prove everything again.
  'upload_proofs',
  // Read by people, of files that are there already.
  'written_key_sets',
  // Written by prune alone: test/cli/remote-db-prune.test.ts adds, moves and removes its rows.
  'retired_keys',
  // The operator's own, which no upload writes.
  'operator_leases',
  'transactions',
  'transaction_attempts',
  'deposit_registries',
  'network_validators',
  'wallet_turns',
]);

/** How one bit, or the smallest step that the column's type has, is changed. */
const CHANGES: Readonly<Record<string, (column: string) => string>> = {
  bytea: column =>
    `set_byte(${column}, octet_length(${column}) / 2, get_byte(${column}, octet_length(${column}) / 2) # 1)`,
  integer: column => `${column} # 4`,
  bigint: column => `${column} # 1`,
  boolean: column => `not ${column}`,
  text: column =>
    `overlay(${column} placing case substr(${column}, length(${column}) / 2, 1) when 'a' then 'b' else 'a' end
       from length(${column}) / 2 for 1)`,
};
/** Columns whose checks do not let that step pass. */
const STEPS: Readonly<Record<string, string>> = {
  'oracle_sets.threshold': 'threshold - 1',
  'oracle_sets.share_count': 'share_count * 2',
};

const COLUMNS: readonly (readonly [table: string, column: string, type: string])[] = [
  ['vaults', 'network', 'text'],
  ['vaults', 'chain_id', 'bigint'],
  ['vaults', 'address', 'bytea'],
  ['vaults', 'data_key_id', 'integer'],
  ['vaults', 'manifest_counter', 'bigint'],
  ['vaults', 'manifest_mac', 'bytea'],
  ['vaults', 'oracle_set_hash', 'bytea'],
  ['vaults', 'deposit_data_root', 'bytea'],
  ['vaults', 'validators_digest', 'bytea'],
  ['vaults', 'operator_digest', 'bytea'],
  ['data_keys', 'vault_id', 'integer'],
  ['data_keys', 'data_key_id', 'integer'],
  ['data_keys', 'nonce', 'bytea'],
  ['data_keys', 'ciphertext', 'bytea'],
  ['oracle_sets', 'vault_id', 'integer'],
  ['oracle_sets', 'oracle_set_hash', 'bytea'],
  ['oracle_sets', 'config_ipfs_hash', 'text'],
  ['oracle_sets', 'threshold', 'integer'],
  ['oracle_sets', 'share_count', 'integer'],
  ['oracle_sets', 'public_keys', 'bytea'],
  ['keypairs', 'vault_id', 'integer'],
  ['keypairs', 'public_key', 'bytea'],
  ['keypairs', 'active', 'boolean'],
  ['keypairs', 'shares_set_hash', 'bytea'],
  ['key_shares', 'vault_id', 'integer'],
  ['key_shares', 'parent_public_key', 'bytea'],
  ['key_shares', 'oracle_set_hash', 'bytea'],
  ['key_shares', 'share_index', 'integer'],
  ['key_shares', 'public_key', 'bytea'],
  ['key_secrets', 'vault_id', 'integer'],
  ['key_secrets', 'public_key', 'bytea'],
  ['key_secrets', 'data_key_id', 'integer'],
  ['key_secrets', 'nonce', 'bytea'],
  ['key_secrets', 'ciphertext', 'bytea'],
  ['deposit_data', 'vault_id', 'integer'],
  ['deposit_data', 'root', 'bytea'],
  ['deposit_data', 'document', 'text'],
  ['deposit_data', 'entry_count', 'integer'],
  ['assignment_plans', 'vault_id', 'integer'],
  ['assignment_plans', 'total_clients', 'integer'],
  ['assignment_plans', 'digest', 'bytea'],
  ['assignments', 'vault_id', 'integer'],
  ['assignments', 'public_key', 'bytea'],
  ['assignments', 'client_index', 'integer'],
  ['signing_keys', 'vault_id', 'integer'],
  ['signing_keys', 'data_key_id', 'integer'],
  ['signing_keys', 'verifying_key', 'bytea'],
  ['signing_keys', 'nonce', 'bytea'],
  ['signing_keys', 'ciphertext', 'bytea'],
  ['statements', 'vault_id', 'integer'],
  ['statements', 'body', 'bytea'],
  ['statements', 'signature', 'bytea'],
];

const CASES = COLUMNS.flatMap(([table, column, type]) =>
  Object.entries(ROWS[table] ?? {}).map(([row, condition]) => ({
    name: `${table}.${column} of a ${row}`,
    table,
    column,
    type,
    condition,
  })),
);

describe('a changed value is refused by whoever reads it', () => {
  it.each(CASES)(
    'remote-db verify refuses a changed $name, and no reader writes wrong files',
    async ({ table, column, type, condition }) => {
      const step = STEPS[`${table}.${column}`] ?? CHANGES[type]?.(column);
      const refusals = await runReaders(bench, ({ url }) =>
        tamper(url, [
          `update ${table} set ${column} = ${step} where ctid =
          (select ctid from ${table} where vault_id = $vault and ${condition} order by ctid limit 1)`,
        ]),
      );
      expect(refusals, 'verify finds everything').toHaveProperty('verify');
    },
  );

  it('the list of changed columns has every column that an upload or a plan writes', async () => {
    await using database = await bench.workshop.cloneDatabase('newer');
    const rows = await runSql(
      database.url,
      `select table_name, column_name, data_type from information_schema.columns
       where table_schema = 'stakewise_operator' order by 1, ordinal_position`,
    );
    const columns = rows
      .map(row => [String(row.table_name), String(row.column_name), String(row.data_type)] as const)
      .filter(
        ([table, column]) =>
          !OTHER_TABLES.has(table) && !UNREAD.has(column) && !REFUSED.has(`${table}.${column}`),
      );
    expect(columns.map(String).sort()).toEqual(COLUMNS.map(String).sort());
  });

  it('the audit log refuses a change', async () => {
    await using database = await bench.workshop.cloneDatabase('newer');
    const change = runSql(database.url, "update stakewise_operator.audit_log set actor = 'nobody'");
    await expect(change).rejects.toThrow('audit_log is append-only');
  });
});
