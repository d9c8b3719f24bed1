import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CompiledQuery, sql } from 'kysely';
import { describe, expect } from 'vitest';
import { MIGRATIONS } from '../../../migrations/index.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { checkSchema, listSchemaSteps, type Migration, migrateDatabase } from '../../../src/db/migrator.ts';
import { findTransactionById } from '../../../src/db/transactions.ts';
import { packageRoot } from '../../../src/lib/package-root.ts';
import { it } from '../../support/postgres/fixtures.ts';
import { createTestDatabase, runSql } from '../../support/postgres/postgres.ts';

const VERSION = { programVersion: '1.0.0' };
const ALL = Object.keys(MIGRATIONS);

function laterStep(oldestProgram: string): Readonly<Record<string, Migration>> {
  const up: Migration['up'] = async (db, schema) => {
    await sql`alter table ${sql.id(schema, 'vaults')} add column later integer`.execute(db);
  };
  return { ...MIGRATIONS, '9999-later': { oldestProgram, up } };
}

describe('migrateDatabase', () => {
  it('MIGRATIONS lists every file of migrations/', async () => {
    const files = await readdir(join(packageRoot(), 'migrations'));
    const steps = files.filter(file => file.endsWith('.ts') && file !== 'index.ts');
    const names = steps.map(file => file.replace(/\.ts$/, ''));
    expect(Object.keys(MIGRATIONS)).toEqual(names.sort());
  });

  it('migrateDatabase makes its own schema and leaves all else alone', async ({ empty }) => {
    await runSql(empty.url, 'create table keypairs (precious text)');
    await using database = await openDatabase({ url: empty.url, schema: 'own "schema"' });
    await expect(checkSchema(database, VERSION)).rejects.toMatchObject({ code: 'db-schema-missing' });
    expect(await runSql(empty.url, "select 1 from pg_namespace where nspname like 'own%'")).toEqual([]);
    expect(await migrateDatabase(database, VERSION)).toEqual(ALL);
    expect(await migrateDatabase(database, VERSION)).toEqual([]);
    await checkSchema(database, VERSION);
    expect(await listSchemaSteps(database)).toEqual(ALL.map(name => ({ name, oldestProgram: '1.0.0' })));
    const tables = await runSql(empty.url, "select tablename from pg_tables where schemaname = 'public'");
    expect(tables).toEqual([{ tablename: 'keypairs' }]);
  });

  it('migrateDatabase may be run by several processes at once', async () => {
    const program = join(packageRoot(), 'test/support/postgres/migrate.ts');
    for (let round = 0; round < 3; round++) {
      await using empty = await createTestDatabase({ migrated: false });
      const run = () => promisify(execFile)(process.execPath, [program, empty.url]);
      const outputs = (await Promise.all([run(), run(), run()])).map(
        ({ stdout }) => JSON.parse(stdout) as string[],
      );
      expect(outputs.flat()).toEqual(ALL);
      await using database = await openDatabase({ url: empty.url });
      await checkSchema(database, VERSION);
    }
  });

  it('migrateDatabase undoes everything when a step fails', async ({ empty }) => {
    await using database = await openDatabase({ url: empty.url });
    const failing: Migration = {
      oldestProgram: '1.0.0',
      up: async db => {
        await sql`create table nonsense (`.execute(db);
      },
    };
    const migrations = { ...MIGRATIONS, '9999-failing': failing };
    await expect(migrateDatabase(database, { ...VERSION, migrations })).rejects.toThrow('syntax error');
    await expect(checkSchema(database, VERSION)).rejects.toMatchObject({ code: 'db-schema-missing' });
    expect(await migrateDatabase(database, VERSION)).toEqual(ALL);
  });
});

/** What the steps up to this one have made, as programs before the next one left it. */
function stepsUpTo(name: string): Readonly<Record<string, Migration>> {
  const steps = Object.entries(MIGRATIONS);
  return Object.fromEntries(steps.slice(0, steps.findIndex(([step]) => step === name) + 1));
}

describe('0009-transaction-value', () => {
  const SCOPE = { chainId: 1, vault: new Uint8Array(20).fill(7) };
  const INSERT = `insert into stakewise_operator.transactions (chain_id, vault, kind, intent_key, lease_epoch, sender, nonce,
      recipient, call_data, value_wei, gas_limit, state)
    values (1, $1, 'harvest', $2, 1, $1, 0, $1, '', $3, 21000, 'abandoned') returning transaction_id`;
  const LARGEST = 2n ** 256n - 1n;

  for (const kind of ['Postgres', 'PGlite']) {
    it(`rows of a database from before 0009 keep the ether of their transactions, and larger amounts fit (${kind})`, async ({
      empty,
      pglite,
    }) => {
      await using database = await openDatabase({ url: kind === 'Postgres' ? empty.url : pglite.url });
      await migrateDatabase(database, { ...VERSION, migrations: stepsUpTo('0008-upload-proofs') });
      const insert = async (key: string, valueWei: string) => {
        const { rows } = await database.db.executeQuery<{ transaction_id: bigint }>(
          CompiledQuery.raw(INSERT, [Buffer.from(SCOPE.vault), key, valueWei]),
        );
        return rows[0]?.transaction_id ?? 0n;
      };
      const readValue = async (id: bigint) => (await findTransactionById(database, SCOPE, id))?.valueWei;
      const amounts = [0n, 1n, 2n ** 63n - 1n];
      const ids = await Promise.all(amounts.map(one => insert(`old ${one}`, String(one))));
      await expect(insert('too large', String(2n ** 63n))).rejects.toThrow();
      expect(await migrateDatabase(database, VERSION)).toEqual([
        '0009-transaction-value',
        '0010-written-key-sets',
        '0011-vault-changes',
        '0012-retired-keys',
      ]);
      expect(await Promise.all(ids.map(readValue))).toEqual(amounts);
      expect(await readValue(await insert('larger', String(LARGEST)))).toBe(LARGEST);
      for (const refused of ['-1', 'NaN', String(LARGEST + 1n)]) {
        await expect(insert(refused, refused)).rejects.toThrow('check');
      }
    });
  }
});

describe('checkSchema', () => {
  it('checkSchema refuses a schema that is older than the program, and tells what to run', async ({
    migrated,
  }) => {
    await using database = await openDatabase({ url: migrated.url });
    const newer = { programVersion: '1.1.0', migrations: laterStep('1.1.0') };
    await expect(checkSchema(database, newer)).rejects.toMatchObject({
      code: 'db-schema-too-old',
      message: 'The database schema "stakewise_operator" is older than this program: 9999-later not applied.',
      hint: 'Run "remote-db migrate".',
    });
    expect(await migrateDatabase(database, newer)).toEqual(['9999-later']);
    await checkSchema(database, newer);
  });

  it('checkSchema and migrateDatabase refuse a schema that declares the program too old', async ({
    migrated,
  }) => {
    await using database = await openDatabase({ url: migrated.url });
    await migrateDatabase(database, { programVersion: '1.10.0', migrations: laterStep('1.10.0') });
    const tooOld = { code: 'program-too-old' };
    await expect(checkSchema(database, VERSION)).rejects.toMatchObject(tooOld);
    const older = { programVersion: '1.9.3' };
    await expect(migrateDatabase(database, older)).rejects.toMatchObject(tooOld);
  });

  it('checkSchema takes a newer schema that still lets the program work', async ({ migrated }) => {
    await using database = await openDatabase({ url: migrated.url });
    await migrateDatabase(database, { programVersion: '1.1.0', migrations: laterStep('1.0.0') });
    await checkSchema(database, VERSION);
    expect(await migrateDatabase(database, VERSION)).toEqual([]);
  });
});
