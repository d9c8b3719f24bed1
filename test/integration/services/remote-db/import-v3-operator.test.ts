// The keys of a recorded database of the Python operator go into a remote database, and nothing of the old one changes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { openDatabase } from '../../../../src/db/database.ts';
import { depositListOf } from '../../../../src/domain/consensus/deposit-list.ts';
import { deriveSecretKey, publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import {
  type ImportDeps,
  type ImportOptions,
  importV3Operator,
} from '../../../../src/services/remote-db/import/import-v3-operator.ts';
import { verifyVault } from '../../../../src/services/remote-db/verify-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../../src/workers/pool.ts';
import { it } from '../../../support/postgres/fixtures.ts';
import { createTestDatabase, roleUrl, runSql } from '../../../support/postgres/postgres.ts';
import { dumpDatabase } from '../../../support/postgres/snapshot.ts';
import {
  addPythonKeys,
  encryptV3Record,
  fillWithPythonVault,
  type PythonDatabaseOptions,
} from '../../../support/recorded/python-database.ts';
import { readOperatorView, readSignerView } from '../../../support/recorded/recorded-files.ts';
import {
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedDepositData,
  recordedOracleSet,
  recordedRef,
  recordedRoot,
  setupRecorded,
} from '../../../support/recorded/recorded-vault.ts';
import { readRecorded } from '../../../support/recorded/vectors.ts';

const OTHER_VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const progress = { start: () => ({ advance() {}, finish() {} }) };
let pool: WorkerPool;
beforeAll(() => {
  pool = createWorkerPool({ size: 2 });
});
afterAll(() => pool[Symbol.asyncDispose]());

/** A database of the Python operator, and an empty vault to import into. */
async function openScene({ url: ownUrl, ...python }: PythonDatabaseOptions & { readonly url?: string } = {}) {
  await using resources = new AsyncDisposableStack();
  const url = ownUrl ?? resources.use(await createTestDatabase()).url;
  const oldUrl = ownUrl ?? resources.use(await createTestDatabase({ migrated: false })).url;
  await fillWithPythonVault(oldUrl, python);
  const database = resources.use(await openDatabase({ url }));
  await setupRecorded(database);
  const warnings: string[] = [];
  const run = async (
    options: Partial<ImportOptions> = {},
    deps: Partial<ImportDeps> & { readonly sourceUrl?: string } = {},
  ) => {
    const { sourceUrl = oldUrl, ...others } = deps;
    await using source = await openDatabase({ url: sourceUrl });
    return await importV3Operator(
      {
        database,
        source,
        pool,
        progress,
        say: () => undefined,
        warn: line => void warnings.push(line),
        fetchDepositDataRoot: async () => recordedRoot(),
        fetchDepositDataPlace: async () => null,
        isRegistered: async () => false,
        fetchOracleSet: async () => recordedOracleSet(),
        ...others,
      },
      {
        ref: recordedRef,
        encryptKey: RECORDED_ENCRYPT_KEY,
        sourceKey: RECORDED_ENCRYPT_KEY,
        sourceSchema: undefined,
        depositData: undefined,
        takesRowsWithoutVault: false,
        skipsBroken: false,
        isDryRun: false,
        allowRegistered: false,
        lockTimeoutMs: 10_000,
        ...options,
      },
    );
  };
  const verify = () =>
    verifyVault({ database, pool, progress }, { ref: recordedRef, encryptKey: RECORDED_ENCRYPT_KEY });
  const owned = resources.move();
  return { url, oldUrl, database, warnings, run, verify, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const depositData = () => depositListOf(recordedDepositData());

describe('an import of the recorded database', () => {
  it('an import makes of it what an upload of the keystores makes, and leaves the old database as it was', async ({
    directory,
  }) => {
    await using scene = await openScene();
    const before = await dumpDatabase(scene.oldUrl);
    const report = await scene.run();
    expect(report).toMatchObject({
      counts: { ofVault: 10, ofNoVault: 0, ofOthers: 0, shares: 40 },
      depositDataEntries: 10,
      upload: { keys: 10, stored: 10, shares: 40, oracles: 4, threshold: 3 },
    });
    expect(report.keys.map(key => key.state)).toEqual(Array(10).fill('new'));
    expect(await dumpDatabase(scene.oldUrl)).toEqual(before);
    expect(await scene.verify()).toMatchObject({ validators: 10, shares: 40, findings: [] });
    expect((await readOperatorView(scene.database, directory)).shares.size).toBe(10);
    expect(readFileSync(join(directory, 'deposit_data.json'), 'utf8')).toBe(
      readRecorded('03-remote-db/5-operator/deposit_data.json'),
    );
    const signer = await readSignerView(scene.database, pool, join(directory, 'keys'));
    expect(signer.size).toBe(50);
    expect([...signer]).toEqual(expect.arrayContaining(report.keys.map(key => key.publicKey)));
    const [entry] = await runSql(
      scene.url,
      'select command, counts from stakewise_operator.audit_log order by audit_id desc limit 1',
    );
    expect(entry).toMatchObject({ command: 'remote-db import-v3-operator', counts: { stored: 10 } });
  });

  it('a second import changes nothing, and says that the keys are there', async () => {
    await using scene = await openScene();
    await scene.run();
    const dump = await dumpDatabase(scene.url);
    const again = await scene.run();
    expect(again.upload).toMatchObject({ keys: 10, stored: 0 });
    expect(again.keys.map(key => key.state)).toEqual(Array(10).fill('stored'));
    expect(await dumpDatabase(scene.url)).toEqual(dump);
  });

  it('a dry run shows every key and changes nothing', async () => {
    await using scene = await openScene();
    const dump = await dumpDatabase(scene.url);
    const report = await scene.run({ isDryRun: true });
    expect(report).toMatchObject({ depositDataEntries: 10, upload: undefined });
    expect(report.keys).toHaveLength(10);
    expect(await dumpDatabase(scene.url)).toEqual(dump);
  });

  it('an import from the very database that it writes to leaves the old tables as they were', async ({
    migrated,
  }) => {
    await using scene = await openScene({ url: migrated.url });
    const oldTables = (dump: Awaited<ReturnType<typeof dumpDatabase>>) =>
      Object.fromEntries(Object.entries(dump).filter(([name]) => name.startsWith('public.')));
    const before = oldTables(await dumpDatabase(scene.url));
    expect(Object.keys(before)).toEqual(['public.holesky_configs', 'public.holesky_keypairs']);
    await scene.run();
    expect(oldTables(await dumpDatabase(scene.url))).toEqual(before);
    expect(await scene.verify()).toMatchObject({ validators: 10, findings: [] });
  });

  it.for([
    ['before anything is stored', 'Encrypting keypairs', 10],
    ['when all rows are there and nobody sees them', 'Checking keypairs', 0],
  ] as const)(
    'an import that is stopped %s leaves readers what they saw, and goes on when it is run again',
    async ([, label, storedAgain]) => {
      await using scene = await openScene();
      const begun: string[] = [];
      const stopping = {
        start(step: string) {
          begun.push(step);
          // The keys of the old database are checked first.
          if (begun.length > 1 && step === label) throw new Error(`stopped at ${step}`);
          return progress.start();
        },
      };
      await expect(scene.run({}, { progress: stopping })).rejects.toThrow(`stopped at ${label}`);
      expect(begun).toEqual(
        ['Checking keypairs', 'Encrypting keypairs', 'Checking keypairs'].slice(0, begun.length),
      );
      expect(await scene.verify()).toMatchObject({ validators: 0 });
      expect((await scene.run()).upload).toMatchObject({ keys: 10, stored: storedAgain });
      expect(await scene.verify()).toMatchObject({ validators: 10, findings: [] });
    },
  );

  it('an import needs no right but to read the old tables', async () => {
    await using scene = await openScene();
    const role = `import_${process.pid}`;
    await runSql(scene.oldUrl, `create role ${role} login password 'pw'`);
    try {
      const sourceUrl = roleUrl(scene.oldUrl, role, 'pw');
      await expect(scene.run({}, { sourceUrl })).rejects.toMatchObject({
        code: 'db-permission-denied',
        hint: 'Let the role of --from-db-url read them: GRANT SELECT ON "holesky_keypairs", "holesky_configs".',
      });
      await runSql(scene.oldUrl, `grant select on holesky_keypairs, holesky_configs to ${role}`);
      expect((await scene.run({}, { sourceUrl })).upload).toMatchObject({ stored: 10 });
    } finally {
      await runSql(scene.oldUrl, `drop owned by ${role}`);
      await runSql(scene.oldUrl, `drop role ${role}`);
    }
  });
});

describe('tables of other versions', () => {
  it('an import takes the keys of versions 1.1 to 3, which have no shares', async () => {
    await using scene = await openScene({ version: '1.1 to 3' });
    expect(await scene.run()).toMatchObject({
      counts: { ofVault: 10, shares: 0 },
      upload: { stored: 10, shares: 40 },
    });
    expect(await scene.verify()).toMatchObject({ validators: 10, shares: 40, findings: [] });
  });

  it('an import takes the keys of versions 4 and 5, which name no vault, only when told that they are this vault’s', async () => {
    await using scene = await openScene({ version: '4 and 5' });
    const dump = await dumpDatabase(scene.url);
    await expect(scene.run({ depositData: depositData() })).rejects.toMatchObject({
      code: 'v3-rows-without-vault',
      exitCode: 3,
    });
    await expect(scene.run({ takesRowsWithoutVault: true })).rejects.toMatchObject({
      code: 'v3-no-deposit-data',
    });
    expect(await dumpDatabase(scene.url)).toEqual(dump);
    const report = await scene.run({ takesRowsWithoutVault: true, depositData: depositData() });
    expect(report).toMatchObject({ counts: { ofVault: 0, ofNoVault: 10 }, upload: { stored: 10 } });
    expect(await scene.verify()).toMatchObject({ validators: 10, findings: [] });
  });

  it('an import leaves the keys of other vaults where they are', async () => {
    await using scene = await openScene();
    const key = Buffer.from(RECORDED_ENCRYPT_KEY, 'base64');
    await addPythonKeys(scene.oldUrl, OTHER_VAULT, [encryptV3Record(key, new Uint8Array(32).fill(3))]);
    expect(await scene.run()).toMatchObject({ counts: { ofOthers: 1 }, upload: { keys: 10 } });
    const ref = { ...recordedRef, address: '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B' };
    await expect(scene.run({ ref })).rejects.toMatchObject({ code: 'vault-not-set-up' });
  });

  it('an import finds tables in whichever schema has them, and says when none or several have', async ({
    empty,
  }) => {
    await using scene = await openScene();
    await expect(scene.run({}, { sourceUrl: empty.url })).rejects.toMatchObject({
      code: 'v3-tables-missing',
      message: expect.stringContaining('has no table "holesky_keypairs"'),
    });
    await runSql(scene.oldUrl, 'create schema old');
    await runSql(scene.oldUrl, 'alter table holesky_keypairs set schema old');
    await runSql(scene.oldUrl, 'alter table holesky_configs set schema old');
    expect((await scene.run()).upload).toMatchObject({ stored: 10 });
    await runSql(scene.oldUrl, 'create schema older');
    await runSql(scene.oldUrl, 'create table older.holesky_keypairs (public_key text, nonce text)');
    await expect(scene.run()).rejects.toMatchObject({
      code: 'v3-tables-ambiguous',
      message: expect.stringContaining('old, older'),
    });
    await expect(scene.run({ sourceSchema: 'older' })).rejects.toMatchObject({
      code: 'v3-tables-missing',
      message: expect.stringContaining('without the columns "private_key"'),
    });
    expect((await scene.run({ sourceSchema: 'old' })).upload).toMatchObject({ keys: 10, stored: 0 });
  });

  it('an import refuses tables without any key of the vault', async () => {
    await using scene = await openScene();
    await runSql(scene.oldUrl, `update holesky_keypairs set vault = '${OTHER_VAULT}'`);
    await expect(scene.run()).rejects.toMatchObject({
      code: 'v3-no-keys',
      message: expect.stringContaining('only 10 keys of other vaults'),
    });
  });
});

describe('keys that are not what they say', () => {
  const [first = ''] = recordedDepositData().entries.map(entry => toHex(entry.publicKey));
  const changeFirst = (url: string, column: string, text: string) =>
    runSql(url, `update holesky_keypairs set ${column} = $1 where public_key = $2`, [text, first]);

  it.for([
    ['another private key', 'private_key', `0x${'ab'.repeat(32)}`],
    ['another nonce', 'nonce', `0x${'ab'.repeat(16)}`],
    ['a private key that is no hex', 'private_key', 'none'],
    ['a nonce that is too short', 'nonce', '0x00'],
  ] as const)('an import with %s of one key names it and changes nothing', async ([, column, text]) => {
    await using scene = await openScene();
    await changeFirst(scene.oldUrl, column, text);
    const dump = await dumpDatabase(scene.url);
    await expect(scene.run()).rejects.toMatchObject({
      code: 'v3-keys-broken',
      exitCode: 3,
      message: expect.stringContaining(`1 of 10 keys`),
    });
    await expect(scene.run()).rejects.toMatchObject({ message: expect.stringContaining(first) });
    const { keys, malformed } = await scene.run({ isDryRun: true });
    const broken = keys.filter(key => key.state === 'broken').map(key => key.publicKey);
    expect([...broken, ...malformed]).toEqual([first]);
    // It is in the deposit data: its validator could never exit.
    for (const isDryRun of [true, false])
      await expect(scene.run({ skipsBroken: true, isDryRun })).rejects.toMatchObject({
        code: 'deposit-data-other-keys',
      });
    expect((await dumpDatabase(scene.url))['stakewise_operator.keypairs']).toEqual(
      dump['stakewise_operator.keypairs'],
    );
  });

  it('an import that skips a broken key takes the others, and warns', async () => {
    await using scene = await openScene();
    await changeFirst(scene.oldUrl, 'private_key', `0x${'ab'.repeat(32)}`);
    const { path, entries } = recordedDepositData();
    const others = depositListOf({ path, entries: entries.slice(1) });
    const report = await scene.run(
      { skipsBroken: true, depositData: others },
      { fetchDepositDataRoot: async () => null },
    );
    expect(report.upload).toMatchObject({ keys: 9, stored: 9 });
    expect(scene.warnings).toContain(`Left out, since they are not what their public keys say: ${first}.`);
    expect(await scene.verify()).toMatchObject({ validators: 9, findings: [] });
  });

  it('an import with another encryption key than the Python operator’s opens nothing, and says so', async () => {
    await using scene = await openScene();
    const dump = await dumpDatabase(scene.url);
    const sourceKey = Buffer.alloc(32, 9).toString('base64');
    for (const isDryRun of [true, false])
      await expect(scene.run({ sourceKey, isDryRun })).rejects.toMatchObject({ code: 'v3-wrong-key' });
    await expect(scene.run({ encryptKey: sourceKey })).rejects.toMatchObject({
      code: 'invalid-encryption-key',
    });
    expect(await dumpDatabase(scene.url)).toEqual(dump);
  });

  it('an import names stored deposit data that cannot be read', async () => {
    await using scene = await openScene();
    await runSql(
      scene.oldUrl,
      "update holesky_configs set data = '[{\"pubkey\": 1}]' where name like 'deposit%'",
    );
    await expect(scene.run()).rejects.toMatchObject({
      message: expect.stringContaining("the deposit data in the Python operator's database"),
    });
  });
});

it('an import reads more keys than a page has, each once', async () => {
  await using scene = await openScene();
  const key = Buffer.from(RECORDED_ENCRYPT_KEY, 'base64');
  const seed = new Uint8Array(32).fill(5);
  const secretKeys = Array.from({ length: 4_100 }, (_, i) => deriveSecretKey(seed, i));
  await addPythonKeys(
    scene.oldUrl,
    RECORDED_VAULT.toLowerCase(),
    secretKeys.map(secretKey => encryptV3Record(key, secretKey)),
  );
  const { keys, counts } = await scene.run({ isDryRun: true });
  expect(counts.ofVault).toBe(4_110);
  const expected = [
    ...secretKeys.map(secretKey => toHex(publicKeyOf(secretKey))),
    ...recordedDepositData().entries.map(entry => toHex(entry.publicKey)),
  ].sort();
  expect(keys).toEqual(expected.map(publicKey => ({ publicKey, state: 'new' })));
});
