import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findAcceptance, storeAcceptance } from '../../../../src/db/accepted-oracle-sets.ts';
import { type Database, openDatabase } from '../../../../src/db/database.ts';
import { grantsSql } from '../../../../src/db/grants/grants-sql.ts';
import { ROLES, type Role, TABLE_GRANTS } from '../../../../src/db/grants/table-grants.ts';
import { findLease, isLeaseHeld, releaseLease, renewLease, takeLease } from '../../../../src/db/leases.ts';
import { migrateDatabase } from '../../../../src/db/migrator.ts';
import {
  findDepositCursor,
  findStoredKeys,
  insertDepositCursor,
  rewindDepositCursor,
  storeDepositStep,
} from '../../../../src/db/network-validators.ts';
import {
  adoptTransaction,
  authenticateIntent,
  closeTransaction,
  findTransaction,
  findTransactionById,
  listForms,
  listOpenTransactions,
  listTransactions,
  recordAttempt,
  recordIntent,
  requestReplacement,
} from '../../../../src/db/transactions.ts';
import { listVaults } from '../../../../src/db/vaults.ts';
import { takeTurn } from '../../../../src/db/wallet-turns.ts';
import {
  createRolesDatabase,
  listTables,
  openAttempts,
  type RolesDatabase,
} from '../../../support/postgres/database-roles.ts';
import { createTestDatabase, runSql } from '../../../support/postgres/postgres.ts';

const PERMISSION_DENIED = '42501';

/** What every role may do with every table: select, insert, update, delete. A hyphen stands for nothing. */
const RIGHTS: Readonly<Record<string, Readonly<Record<Role, string>>>> = {
  accepted_oracle_sets: rights('SIUD', '-', '-', 'SIU', 'S'),
  assignment_plans: rights('SIUD', 'S', 'S', 'S', 'S'),
  assignments: rights('SID', 'S', 'S', 'S', 'S'),
  audit_log: rights('I', '-', '-', '-', 'S'),
  data_keys: rights('SID', 'S', '-', '-', '-'),
  deposit_data: rights('SIUD', 'S', 'S', 'S', 'S'),
  deposit_registries: rights('-', '-', '-', 'SIU', 'S'),
  key_secrets: rights('SID', 'S', '-', '-', '-'),
  key_shares: rights('SID', 'S', 'S', 'S', 'S'),
  keypairs: rights('SIUD', 'S', 'S', 'S', 'S'),
  network_validators: rights('-', '-', '-', 'SI', 'S'),
  operator_leases: rights('-', '-', '-', 'SIU', 'S'),
  oracle_sets: rights('SIUD', 'S', 'S', 'S', 'S'),
  retired_keys: rights('SID', 'S', 'S', 'S', 'S'),
  schema_migrations: rights('-', '-', '-', '-', '-'),
  schema_migrations_lock: rights('-', '-', '-', '-', '-'),
  schema_steps: rights('S', 'S', 'S', 'S', 'S'),
  signing_keys: rights('SID', 'S', '-', '-', '-'),
  statements: rights('SIUD', 'S', 'S', 'S', 'S'),
  transaction_attempts: rights('-', '-', '-', 'SIU', 'S'),
  transactions: rights('-', '-', '-', 'SIU', 'S'),
  upload_proofs: rights('SIU', '-', '-', '-', '-'),
  vaults: rights('SIUD', 'S', 'S', 'S', 'S'),
  wallet_turns: rights('-', '-', '-', 'SIU', 'S'),
  written_key_sets: rights('SIU', 'S', 'SIU', 'S', 'S'),
};

/** Columns that the database fills, and nobody else. */
const FILLED = [
  'assignment_plans.updated_at',
  'audit_log.at',
  'audit_log.audit_id',
  'audit_log.database_role',
  'audit_log.login_role',
  'data_keys.created_at',
  'deposit_registries.registry_id',
  'keypairs.inserted_at',
  'oracle_sets.created_at',
  'transaction_attempts.created_at',
  'transactions.created_at',
  'transactions.transaction_id',
  'vaults.created_at',
  'vaults.vault_id',
];

function rights(...letters: readonly [string, string, string, string, string]): Record<Role, string> {
  const [uploader, signerSync, validatorConfig, operator, auditor] = letters;
  return { uploader, 'signer-sync': signerSync, 'validator-config': validatorConfig, operator, auditor };
}

let scene: RolesDatabase;
let tables: ReadonlyMap<string, readonly string[]>;

beforeAll(async () => {
  scene = await createRolesDatabase();
  tables = await listTables(scene.url);
});
afterAll(() => scene[Symbol.asyncDispose]());

describe('the grants', () => {
  it('the grants know every table of the schema', () => {
    expect([...tables.keys()].sort()).toEqual(Object.keys(TABLE_GRANTS).sort());
    expect([...tables.keys()].sort()).toEqual(Object.keys(RIGHTS).sort());
    const columns = [...tables].flatMap(([table, names]) => names.map(name => `${table}.${name}`));
    expect(columns).toEqual(expect.arrayContaining(FILLED));
  });

  it.each(ROLES)(
    'the grants let %s do with each table and column what its commands need, and nothing else',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      const isRefused = async (statement: string) =>
        (await connection.attempt(statement)) === PERMISSION_DENIED;
      const found: Record<string, string> = {};
      const writable: string[] = [];
      for (const [table, columns] of tables) {
        const target = `stakewise_operator.${table}`;
        const letters = {
          S: !(await isRefused(`select * from ${target} limit 0`)),
          I: false,
          U: false,
          D: !(await isRefused(`delete from ${target} where false`)),
        };
        for (const column of columns) {
          const mayRead = !(await isRefused(`select ${column} from ${target} limit 0`));
          expect(mayRead, `select ${table}.${column}`).toBe(letters.S);
          const mayInsert = !(await isRefused(`insert into ${target} (${column}) values (default)`));
          const mayUpdate = !(await isRefused(`update ${target} set ${column} = default where false`));
          const grant = TABLE_GRANTS[table as keyof typeof TABLE_GRANTS].write?.[role];
          const listed = {
            insert: grant?.insert as readonly string[] | undefined,
            update: grant?.update as readonly string[] | undefined,
          };
          expect(mayInsert, `insert ${table}.${column}`).toBe(listed.insert?.includes(column) ?? false);
          expect(mayUpdate, `update ${table}.${column}`).toBe(listed.update?.includes(column) ?? false);
          letters.I ||= mayInsert;
          letters.U ||= mayUpdate;
          if (mayInsert || mayUpdate) writable.push(`${table}.${column}`);
        }
        found[table] =
          Object.entries(letters)
            .filter(([, may]) => may)
            .map(([letter]) => letter)
            .join('') || '-';
        for (const statement of [
          `truncate ${target}`,
          `drop table ${target}`,
          `alter table ${target} add column more integer`,
          `alter table ${target} disable trigger user`,
          `create trigger mine before insert on ${target} for each row execute function suppress_redundant_updates_trigger()`,
          `create rule mine as on insert to ${target} do instead nothing`,
          `create policy mine on ${target}`,
          `create index on ${target} (${columns[0]})`,
          `comment on table ${target} is 'mine'`,
        ]) {
          expect(await connection.attempt(statement), statement).toBe(PERMISSION_DENIED);
        }
      }
      expect(found).toEqual(
        Object.fromEntries([...tables.keys()].map(table => [table, RIGHTS[table]?.[role]])),
      );
      expect(writable.filter(column => FILLED.includes(column))).toEqual([]);
    },
  );

  it.each(ROLES)(
    'the grants let %s make nothing of its own beside the tables, and take no number of a sequence',
    async role => {
      await using connection = await openAttempts(scene.urls[role]);
      const sequences = await runSql(
        scene.url,
        "select oid::regclass::text as name from pg_class where relkind = 'S' and relnamespace = 'stakewise_operator'::regnamespace",
      );
      expect(sequences.length).toBeGreaterThan(0);
      for (const statement of [
        'create table stakewise_operator.mine (a integer)',
        'create function stakewise_operator.mine() returns integer language sql return 1',
        'drop function stakewise_operator.refuse_audit_change cascade',
        'alter function stakewise_operator.fill_audit_facts reset search_path',
        'drop schema stakewise_operator cascade',
        ...sequences.map(({ name }) => `select nextval('${name}')`),
      ]) {
        expect(await connection.attempt(statement), statement).toBe(PERMISSION_DENIED);
      }
    },
  );

  it('the grants take away what PUBLIC or a role was given beside them', async () => {
    await using connection = await openAttempts(scene.urls.auditor);
    await runSql(scene.url, 'grant usage on schema stakewise_operator to public');
    await runSql(scene.url, 'grant all on all tables in schema stakewise_operator to public');
    await runSql(
      scene.url,
      `grant update (counts) on stakewise_operator.audit_log to ${scene.roles.auditor}`,
    );
    expect(await connection.attempt('select * from stakewise_operator.key_secrets')).toBeUndefined();
    await runSql(scene.ownerUrl, scene.grants);
    expect(await connection.attempt('select * from stakewise_operator.key_secrets')).toBe(PERMISSION_DENIED);
    expect(await connection.attempt("update stakewise_operator.audit_log set counts = '{}'")).toBe(
      PERMISSION_DENIED,
    );
  });

  it('the grants come out the same when the SQL is run again, by the owner or by a superuser', async () => {
    const before = await readRights(scene.url);
    await runSql(scene.ownerUrl, scene.grants);
    expect(await readRights(scene.url)).toEqual(before);
    await runSql(scene.url, scene.grants);
    expect(await readRights(scene.url)).toEqual(before);
  });
});

describe('the SQL of the grants', () => {
  it('the SQL of the grants makes missing roles without login and password, whatever the names of roles and schema', async () => {
    await using empty = await createTestDatabase({ migrated: false });
    const suffix = `${process.pid}'"\\ $grants$ é`;
    const schema = `own "schema" '$grants1$`;
    const roles = {
      uploader: `up ${suffix}`,
      'signer-sync': `sync ${suffix}`,
      'validator-config': `config ${suffix}`,
      operator: `op ${suffix}`,
      auditor: `audit ${suffix}`,
    };
    await using database = await openDatabase({ url: empty.url, schema });
    await migrateDatabase(database, { programVersion: '1.0.0' });
    try {
      await runSql(empty.url, grantsSql({ schema, roles }));
      const made = await runSql(
        empty.url,
        'select rolname, rolcanlogin, rolpassword from pg_authid where rolname = any ($1) order by rolname',
        [Object.values(roles)],
      );
      expect(made).toEqual(
        Object.values(roles)
          .sort()
          .map(rolname => ({ rolname, rolcanlogin: false, rolpassword: null })),
      );
      expect(await readRights(empty.url)).toHaveLength((await readRights(scene.url)).length);
      expect(await listVaults(database)).toEqual([]);
    } finally {
      for (const role of Object.values(roles)) {
        const quoted = `"${role.replaceAll('"', '""')}"`;
        await runSql(empty.url, `drop owned by ${quoted}`);
        await runSql(empty.url, `drop role ${quoted}`);
      }
    }
  });

  it.each([
    [
      'a superuser',
      (name: string) => `alter role ${name} superuser`,
      (name: string) => `alter role ${name} nosuperuser`,
    ],
    [
      'one that makes roles',
      (name: string) => `alter role ${name} createrole`,
      (name: string) => `alter role ${name} nocreaterole`,
    ],
    [
      'a member of the tables’ owner',
      (name: string, owner: string) => `grant ${owner} to ${name}`,
      (name: string, owner: string) => `revoke ${owner} from ${name}`,
    ],
    [
      'one that writes all data',
      (name: string) => `grant pg_write_all_data to ${name}`,
      (name: string) => `revoke pg_write_all_data from ${name}`,
    ],
  ])('the SQL of the grants is refused by the database when a role is %s', async (_who, make, undo) => {
    const name = scene.roles.uploader;
    const owner = new URL(scene.ownerUrl).username;
    await runSql(scene.url, make(name, owner));
    try {
      await expect(runSql(scene.url, scene.grants)).rejects.toThrow(`grants would not hold role "${name}"`);
    } finally {
      await runSql(scene.url, undo(name, owner));
    }
  });

  it('the SQL of the grants is refused when the tables’ owner itself is to be a role', async () => {
    const owner = new URL(scene.ownerUrl).username;
    const sql = grantsSql({ schema: 'stakewise_operator', roles: { ...scene.roles, operator: owner } });
    await expect(runSql(scene.ownerUrl, sql)).rejects.toThrow(`grants would not hold role "${owner}"`);
  });

  it.each(['', 'public', 'pg_monitor', 'none', 'a\nb', 'a\u202eb', 'x'.repeat(64), 'é'.repeat(32)])(
    'grantsSql refuses a role named %j',
    name => {
      expect(() => grantsSql({ schema: 'one', roles: { ...scene.roles, auditor: name } })).toThrow(/name/);
    },
  );
});

describe('the roles that accept oracle sets', () => {
  it.each(['uploader', 'operator'] as const)(
    'the role %s remembers an accepted oracle set, and the next one in its place',
    async role => {
      await using database = await openDatabase({ url: scene.urls[role] });
      const whose = { chainId: 31337, vault: new Uint8Array(20).fill(1), acceptedBy: role };
      for (const eventBlock of [1n, 2n]) {
        const acceptance = {
          keeper: new Uint8Array(20).fill(2),
          setHash: new Uint8Array(32).fill(3),
          configIpfsHash: 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
          eventBlock,
          eventBlockHash: new Uint8Array(32).fill(4),
          mac: new Uint8Array(32).fill(5),
        };
        await storeAcceptance(database, whose, acceptance);
        expect(await findAcceptance(database, whose)).toEqual(acceptance);
      }
    },
  );
});

describe('the operator’s role', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase({ url: scene.urls.operator });
  });
  afterAll(() => database?.[Symbol.asyncDispose]());

  it('the operator’s role runs every statement about leases', async () => {
    const scope = { chainId: 31337, vault: new Uint8Array(20).fill(1) };
    const epoch = await takeLease(database, scope, { holder: 'one', ttlMs: 60_000 });
    const lease = { ...scope, epoch: epoch ?? 0n };
    expect(await renewLease(database, lease, 60_000)).toBe(true);
    expect(await isLeaseHeld(database, lease)).toBe(true);
    expect((await findLease(database, scope))?.holder).toBe('one');
    await releaseLease(database, lease);
    expect(await takeLease(database, scope, { holder: 'two', ttlMs: 1 })).toBe(lease.epoch + 1n);
  });

  it('the operator’s role runs every statement about transactions', async () => {
    const scope = { chainId: 31337, vault: new Uint8Array(20).fill(2) };
    const epoch = await takeLease(database, scope, { holder: 'one', ttlMs: 60_000 });
    const lease = { ...scope, epoch: epoch ?? 0n };
    const address = new Uint8Array(20).fill(7);
    const intent = {
      kind: 'harvest',
      key: 'one',
      sender: address,
      recipient: address,
      nonce: 4n,
      data: new Uint8Array(4),
      valueWei: 0n,
      gasLimit: 90_000n,
      deadline: 5n,
      bumpCeilingWei: 10n,
    };
    const id = (await recordIntent(database, lease, intent)) ?? 0n;
    const mac = new Uint8Array(32).fill(9);
    expect(await authenticateIntent(database, lease, id, { mac, bumpCeilingWei: 10n })).toBe(true);
    const attempt = {
      hash: new Uint8Array(32).fill(1),
      nonce: 4n,
      purpose: 'call',
      raw: new Uint8Array(9),
      maxFeeWei: 2n,
      maxPriorityFeeWei: 1n,
      mac,
    } as const;
    for (let time = 0; time < 2; time++) expect(await recordAttempt(database, lease, id, attempt)).toBe(true);
    const bump = { request: 'bump', feeCeilingWei: 9n } as const;
    expect(await requestReplacement(database, scope, id, bump)).toBe(true);
    expect(await adoptTransaction(database, lease, id)).toBe(true);
    expect(await closeTransaction(database, lease, id, { state: 'reverted', reason: 'of old' })).toBe(true);
    // Begun anew over its own row.
    expect(await recordIntent(database, lease, intent)).toBe(id);
    const end = { state: 'confirmed', minedHash: attempt.hash, minedBlock: 3n } as const;
    expect(await closeTransaction(database, lease, id, end)).toBe(true);
    expect(await adoptTransaction(database, lease, id, { reopen: true })).toBe(true);
    expect(await listTransactions(database, scope, 9)).toHaveLength(1);
    expect(await listOpenTransactions(database, scope)).toHaveLength(1);
    expect(await findTransaction(database, scope, 'one')).toMatchObject({ id });
    expect(await findTransactionById(database, scope, id)).toMatchObject({ key: 'one' });
    expect(await listForms(database, scope, intent)).toMatchObject([{ isOfVault: true }]);
    expect(await takeTurn(database, lease, { wallet: address, nonce: 4n })).toBeUndefined();
  });

  it('the operator’s role runs every statement about the chain’s validators', async () => {
    const registry = { chainId: 31337, depositContract: new Uint8Array(20).fill(2) };
    const publicKeys = [new Uint8Array(48).fill(3)];
    await insertDepositCursor(database, registry, { syncedBlock: 5, publicKeys: [publicKeys] });
    const { registryId = 0 } = (await findDepositCursor(database, registry)) ?? {};
    const step = { registryId, toBlock: 9, publicKeys, nextDepositIndex: 1n, lastDepositBlock: 8 };
    expect(await storeDepositStep(database, step)).toBe(0);
    await rewindDepositCursor(database, registryId, 6);
    expect(await findDepositCursor(database, registry)).toMatchObject({ syncedBlock: 6, validatorCount: 1n });
    expect(await findStoredKeys(database, registryId, publicKeys)).toEqual(new Set([0]));
  });
});

describe('a right that is missing', () => {
  it('a missing right to change tables is told with the role to connect with, the tables’ owner', async () => {
    await using database = await openDatabase({ url: scene.urls.uploader });
    await expect(
      sql`alter table stakewise_operator.vaults add column more integer`.execute(database.db),
    ).rejects.toMatchObject({
      code: 'db-permission-denied',
      hint: 'Connect with the role that owns the tables of this program, or is to own them.',
    });
  });

  it('a missing right is told with the roles that have it', async () => {
    await using database = await openDatabase({ url: scene.urls['validator-config'] });
    await expect(listVaults(database)).rejects.toMatchObject({
      code: 'db-permission-denied',
      message: expect.stringContaining('permission denied for table data_keys'),
      hint: expect.stringContaining(
        'There, uploader and signer-sync may read this table, and uploader may change it.',
      ),
    });
  });
});

/** Access lists of schema, tables and columns, with role names as numbers of their place. */
async function readRights(url: string): Promise<unknown[]> {
  return runSql(
    url,
    `select c.relname, a.attname, x.privilege_type, x.grantee, x.is_grantable
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     left join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
     cross join lateral aclexplode(coalesce(a.attacl, c.relacl)) x
     where n.nspname not in ('pg_catalog', 'information_schema', 'public') and c.relkind in ('r', 'S')
     union all
     select c.relname, null, x.privilege_type, x.grantee, x.is_grantable
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     cross join lateral aclexplode(c.relacl) x
     where n.nspname not in ('pg_catalog', 'information_schema', 'public') and c.relkind in ('r', 'S')
     order by 1, 2, 3, 4`,
  );
}
