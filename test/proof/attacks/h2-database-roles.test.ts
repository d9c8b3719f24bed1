import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { updateAssignmentPlan } from '../../../src/db/assignments.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { ROLES, type Role } from '../../../src/db/grants/table-grants.ts';
import { insertVault } from '../../../src/db/vaults.ts';
import {
  createRolesDatabase,
  openAttempts,
  type RolesDatabase,
} from '../../support/postgres/database-roles.ts';
import { runSql } from '../../support/postgres/postgres.ts';
import { randomKey, sealedKey } from '../../support/scenes/stored-keys.ts';

const PERMISSION_DENIED = '42501';
/** "cannot insert a non-DEFAULT value into column". */
const GENERATED_ALWAYS = '428C9';

const CHAIN_ID = 31337;
const VAULT = new Uint8Array(20).fill(7);
const STRANGER = new Uint8Array(20).fill(0x70);
const NOT_OPERATOR = ROLES.filter(role => role !== 'operator');
const NOT_UPLOADER = ROLES.filter(role => role !== 'uploader');

let scene: RolesDatabase;
let transactionId: unknown;

beforeAll(async () => {
  scene = await createRolesDatabase();
  const [open] = await runSql(
    scene.url,
    `insert into stakewise_operator.transactions (chain_id, vault, kind, intent_key, lease_epoch, sender, nonce, recipient,
       call_data, gas_limit, state)
     values ($1, $2, 'harvest', 'one', 1, $2, 4, $2, '\\x', 90000, 'sent') returning transaction_id`,
    [CHAIN_ID, VAULT],
  );
  transactionId = open?.transaction_id;
});
afterAll(() => scene[Symbol.asyncDispose]());

/** The attack of the review, word for word: the rows that made the operator sign and send a stranger's call. */
const INTENT = `insert into stakewise_operator.transactions (chain_id, vault, kind, intent_key, lease_epoch, sender, nonce,
  recipient, call_data, gas_limit, state, request, fee_ceiling_wei)
  values ($1, $2, 'harvest', 'planted', 1, $2, 0, $3, '\\x095ea7b3', 1000000, 'sent', 'bump', 9000000000000)`;
const ATTEMPT = `insert into stakewise_operator.transaction_attempts (hash, transaction_id, lease_epoch, nonce, purpose, raw,
  max_fee_wei, max_priority_fee_wei)
  values (sha256('planted'), $1, 1, 0, 'call', '\\x00', 8000000000000, 8000000000000)`;

describe('H2 · instructions to the operator in the database', () => {
  it.each(NOT_OPERATOR)(
    'database writer: as %s, inserts an intent and its signed form → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      expect(await connection.attempt(INTENT, [CHAIN_ID, VAULT, STRANGER])).toBe(PERMISSION_DENIED);
      expect(await connection.attempt(ATTEMPT, [transactionId])).toBe(PERMISSION_DENIED);
    },
  );

  it.each(NOT_OPERATOR)(
    'database writer: as %s, changes call, receiver, fees or state of an intent → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      for (const change of [
        "call_data = '\\x095ea7b3'",
        "recipient = '\\x7070707070707070707070707070707070707070'",
        'gas_limit = 1000000',
        'fee_ceiling_wei = 9000000000000',
        "request = 'bump'",
        "request = 'cancel'",
        "state = 'intended'",
        'deadline = null',
        'nonce = 0',
        'lease_epoch = 99',
      ]) {
        const statement = `update stakewise_operator.transactions set ${change}`;
        expect(await connection.attempt(statement), change).toBe(PERMISSION_DENIED);
      }
      expect(await connection.attempt('delete from stakewise_operator.transactions')).toBe(PERMISSION_DENIED);
    },
  );

  it.each(NOT_OPERATOR)(
    'database writer: as %s, takes the lease or the wallet’s turn, or moves the clock → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      const lease = `insert into stakewise_operator.operator_leases (chain_id, vault, epoch, holder, expires_at)
        values ($1, $2, 99, 'me', 'infinity')`;
      expect(await connection.attempt(lease, [CHAIN_ID, VAULT])).toBe(PERMISSION_DENIED);
      const expiry = "update stakewise_operator.operator_leases set expires_at = '-infinity'";
      expect(await connection.attempt(expiry)).toBe(PERMISSION_DENIED);
      const turn = `insert into stakewise_operator.wallet_turns (chain_id, wallet, vault, nonce) values ($1, $2, $2, 99)`;
      expect(await connection.attempt(turn, [CHAIN_ID, VAULT])).toBe(PERMISSION_DENIED);
    },
  );

  it.each(NOT_OPERATOR)(
    'database writer: as %s, hides or invents validators of the chain → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      for (const statement of [
        `insert into stakewise_operator.deposit_registries (chain_id, deposit_contract, synced_block)
           values (1, '\\x0000000000000000000000000000000000000000', 1e15::bigint)`,
        'update stakewise_operator.deposit_registries set synced_block = 0, next_deposit_index = 0',
        "insert into stakewise_operator.network_validators values (1, '\\x0000000000000000000000000000000000000000')",
        'delete from stakewise_operator.network_validators',
      ]) {
        expect(await connection.attempt(statement), statement).toBe(PERMISSION_DENIED);
      }
    },
  );

  it.each(NOT_UPLOADER)(
    'database writer: as %s, changes keys, plan, deposit data or digests → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      for (const statement of [
        'update stakewise_operator.assignments set client_index = 1',
        'delete from stakewise_operator.assignments',
        'update stakewise_operator.assignment_plans set total_clients = 1',
        'update stakewise_operator.keypairs set active = false',
        'delete from stakewise_operator.key_shares',
        'delete from stakewise_operator.key_secrets',
        "update stakewise_operator.deposit_data set document = '[]'",
        'update stakewise_operator.oracle_sets set threshold = 1',
        'update stakewise_operator.vaults set validators_digest = null, operator_digest = null',
        'update stakewise_operator.vaults set manifest_counter = 0',
      ]) {
        expect(await connection.attempt(statement), statement).toBe(PERMISSION_DENIED);
      }
    },
  );

  it.each(['validator-config', 'operator', 'auditor'] as const)(
    'database reader: as %s, reads sealed keys and the wrapped data key → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      for (const table of ['key_secrets', 'data_keys']) {
        for (const statement of [
          `select * from stakewise_operator.${table}`,
          `select ciphertext from stakewise_operator.${table}`,
          `copy stakewise_operator.${table} to stdout`,
          `select count(*) from stakewise_operator.${table}`,
        ]) {
          expect(await connection.attempt(statement), statement).toBe(PERMISSION_DENIED);
        }
      }
    },
  );

  it('database writer: makes a function in schema public that fits better than the system’s own → no role with more rights runs it', async () => {
    const writer = scene.roles['validator-config'];
    // As Postgres 13 and 14 grant it to everybody.
    await runSql(scene.url, 'grant create on schema public to public');
    const trap = `create function public.unnest(integer[]) returns setof integer language plpgsql as $$
      begin
        raise exception 'run with the rights of %', current_user;
      end $$`;
    await runSql(scene.urls['validator-config'], trap);
    try {
      await using database = await openDatabase({ url: scene.urls.uploader });
      const { vault } = await insertVault(database, {
        network: 'trap',
        chainId: CHAIN_ID,
        address: randomKey(20),
        dataKey: sealedKey(),
      });
      const publicKey = randomKey(48);
      await runSql(
        scene.url,
        'insert into stakewise_operator.keypairs (vault_id, public_key) values ($1, $2)',
        [vault.vaultId, publicKey],
      );
      const assignments = [{ publicKey, clientIndex: 0 }];
      const { plan } = await updateAssignmentPlan(database, vault.vaultId, () => ({
        totalClients: 1,
        assignments,
      }));
      expect(plan).toMatchObject({ assignments });
    } finally {
      await runSql(scene.url, `drop owned by ${writer} cascade`);
      await runSql(scene.url, 'revoke create on schema public from public');
      await runSql(scene.ownerUrl, scene.grants);
    }
  });
});

describe('L9 · the audit log', () => {
  const ENTRY =
    "values ('me@here', 'remote-db assign', 'devnet', '\\x0707070707070707070707070707070707070707')";
  const COLUMNS = 'actor, command, network, vault';

  beforeEach(async () => {
    await runSql(scene.ownerUrl, `insert into stakewise_operator.audit_log (${COLUMNS}) ${ENTRY}`);
  });

  it.each(ROLES)(
    'database writer: as %s, changes, removes or empties entries of the audit log → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      for (const statement of [
        "update stakewise_operator.audit_log set actor = 'somebody else'",
        'delete from stakewise_operator.audit_log',
        'truncate stakewise_operator.audit_log',
        `with gone as (delete from stakewise_operator.audit_log returning 1) select * from gone`,
        `insert into stakewise_operator.audit_log (${COLUMNS}) ${ENTRY} on conflict (audit_id) do update set actor = 'x'`,
      ]) {
        expect(await connection.attempt(statement), statement).toBe(PERMISSION_DENIED);
      }
    },
  );

  it.each(ROLES)(
    'database writer: as %s, drops or disables the audit log, its triggers or their functions → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      for (const statement of [
        'drop trigger audit_log_append_only on stakewise_operator.audit_log',
        'drop trigger audit_log_facts on stakewise_operator.audit_log',
        'alter table stakewise_operator.audit_log disable trigger all',
        'alter table stakewise_operator.audit_log alter column at drop not null',
        'alter table stakewise_operator.audit_log rename to gone',
        'alter table stakewise_operator.audit_log owner to current_user',
        'drop table stakewise_operator.audit_log',
        'drop function stakewise_operator.fill_audit_facts() cascade',
        `create or replace function stakewise_operator.fill_audit_facts() returns trigger language plpgsql as
           'begin return new; end'`,
        'drop schema stakewise_operator cascade',
        'set session_replication_role = replica',
      ]) {
        expect(await connection.attempt(statement), statement).toBe(PERMISSION_DENIED);
      }
    },
  );

  it('database writer: as uploader, gives an audit entry another role, time or number → refused', async () => {
    await using connection = await openAttempts(scene.urls.uploader);
    for (const [column, value] of [
      ['database_role', "'auditor'"],
      ['login_role', "'auditor'"],
      ['at', "'2020-01-01'"],
      ['audit_id', '1'],
    ]) {
      const statement = `insert into stakewise_operator.audit_log (${COLUMNS}, ${column}) overriding system value
        ${ENTRY.replace(/\)$/, `, ${value})`)}`;
      expect(await connection.attempt(statement), column).toBe(PERMISSION_DENIED);
    }
    const allOfThem = `insert into stakewise_operator.audit_log overriding system value
      values (1, '2020-01-01', 'auditor', 'me', 'c', 'n', '\\x0707070707070707070707070707070707070707', '{}', 'auditor')`;
    expect(await connection.attempt(allOfThem)).toBe(PERMISSION_DENIED);
  });

  it('database writer: with all rights but the owner’s, gives an audit entry another role or time → its facts stand', async () => {
    const { uploader, auditor } = scene.roles;
    await runSql(scene.url, `grant insert, select on stakewise_operator.audit_log to ${uploader}`);
    try {
      const [entry] = await runSql(
        scene.urls.uploader,
        `insert into stakewise_operator.audit_log (${COLUMNS}, database_role, login_role, at)
         ${ENTRY.replace(/\)$/, `, '${auditor}', '${auditor}', '2020-01-01')`)}
         returning database_role, login_role, at > now() - interval '1 minute' as "isNow"`,
      );
      expect(entry).toEqual({ database_role: uploader, login_role: uploader, isNow: true });
      await using connection = await openAttempts(scene.urls.uploader);
      const numbered = `insert into stakewise_operator.audit_log (${COLUMNS}, audit_id) ${ENTRY.replace(/\)$/, ', 1)')}`;
      expect(await connection.attempt(numbered)).toBe(GENERATED_ALWAYS);
    } finally {
      await runSql(scene.ownerUrl, scene.grants);
    }
  });

  it('database writer: acts for another role by SET ROLE → the audit entry names who logged in', async () => {
    const { uploader, 'signer-sync': insider } = scene.roles;
    await runSql(scene.url, `grant ${uploader} to ${insider}`);
    try {
      const client = new pg.Client({ connectionString: scene.urls['signer-sync'] });
      await client.connect();
      await client.query(`set role ${uploader}`);
      await client.query(`insert into stakewise_operator.audit_log (${COLUMNS}) ${ENTRY}`);
      await client.end();
    } finally {
      await runSql(scene.url, `revoke ${uploader} from ${insider}`);
    }
    expect(await lastEntry()).toMatchObject({ database_role: uploader, login_role: insider });
  });

  it('database writer: puts a clock of his own into the search path → the audit entry has the database’s time', async () => {
    const writer = scene.roles.uploader;
    await runSql(scene.url, `create schema trap authorization ${writer}`);
    try {
      const client = new pg.Client({ connectionString: scene.urls.uploader });
      await client.connect();
      await client.query(`create function trap.clock_timestamp() returns timestamptz language sql
        return timestamptz '2020-01-01'`);
      await client.query('set search_path = trap, pg_catalog');
      await client.query(`insert into stakewise_operator.audit_log (${COLUMNS}) ${ENTRY}`);
      await client.end();
    } finally {
      await runSql(scene.url, 'drop schema trap cascade');
    }
    expect(await lastEntry()).toMatchObject({ database_role: writer, isNow: true });
  });

  it.each(ROLES.filter((role): role is Exclude<Role, 'uploader'> => role !== 'uploader'))(
    'database writer: as %s, adds an audit entry at all → refused',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      const statement = `insert into stakewise_operator.audit_log (${COLUMNS}) ${ENTRY}`;
      expect(await connection.attempt(statement)).toBe(PERMISSION_DENIED);
    },
  );

  async function lastEntry(): Promise<Record<string, unknown> | undefined> {
    const [entry] = await runSql(
      scene.urls.auditor,
      `select database_role, login_role, at > now() - interval '1 minute' as "isNow"
       from stakewise_operator.audit_log order by audit_id desc limit 1`,
    );
    return entry;
  }
});
