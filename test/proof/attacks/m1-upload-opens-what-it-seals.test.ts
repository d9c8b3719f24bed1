// An upload seals a list of rows. Whoever may write to the database, without any key, can put other bytes into them before;
// he must not get them sealed, for whoever trusts the upload lets his keystores go.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/db/database.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { buildDepositTree } from '../../../src/domain/protocol/deposit-tree.ts';
import { equalBytes, fromHex } from '../../../src/lib/bytes.ts';
import { createWorkerPool, type WorkerPool } from '../../../src/workers/pool.ts';
import { readKeyDirectory } from '../../support/checkers/web3signer.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../../support/postgres/database-template.ts';
import { createTestDatabase, runSql } from '../../support/postgres/postgres.ts';
import { temporaryDirectory } from '../../support/programs/cli.ts';
import {
  fillWithRecordedVault,
  RECORDED_VAULT,
  recordedDepositData,
  recordedSecretKeys,
  setupRecorded,
  uploadRecorded,
  writeKeystores,
} from '../../support/recorded/recorded-vault.ts';
import { checkByVerify, checkUploadedView, readVaultView } from '../../support/scenes/vault-view.ts';
import { ORACLES, startWorkflow, type WorkflowFixture } from '../../support/scenes/workflow-scene.ts';

const KEYS = 3;
const SCHEMA = 'stakewise_operator';
const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
let pool: WorkerPool;
/** The database as `remote-db setup` and `upload-keypairs` leave it; the vault's data key is the same in all copies. */
let setUp: DatabaseTemplate;
let uploaded: DatabaseTemplate;

beforeAll(async () => {
  workflow = resources.use(await startWorkflow(KEYS));
  pool = resources.use(createWorkerPool({ size: 1 }));
  const setup = (url: string) => workflow.run(url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
  setUp = resources.use(await createDatabaseTemplate(setup));
  uploaded = resources.use(
    await createDatabaseTemplate(async url => {
      await setup(url);
      await workflow.run(url, workflow.uploadArgs(KEYS));
    }),
  );
});
afterAll(() => resources.disposeAsync());

const bytes = (hex = '') => Buffer.from(hex.replace(/^0x/, ''), 'hex');

/** Other bytes in a row, as many as before; what the manifest covers of it stays. */
const damage = (url: string, publicKey: string) =>
  runSql(url, `update ${SCHEMA}.key_secrets set ciphertext = $1 where public_key = $2`, [
    randomBytes(48),
    bytes(publicKey),
  ]);

/** A row of the writer's own where the upload will put a key: well-formed, of random bytes. */
const plant = (url: string, publicKey: string) =>
  runSql(
    url,
    `insert into ${SCHEMA}.key_secrets (vault_id, public_key, data_key_id, nonce, ciphertext)
     select vault_id, $1, data_key_id, $2, $3 from ${SCHEMA}.vaults`,
    [bytes(publicKey), randomBytes(12), randomBytes(48)],
  );

async function shareKeyOf(url: string, validator: string, index: number): Promise<string> {
  const [row] = await runSql(
    url,
    `select encode(public_key, 'hex') as key from ${SCHEMA}.key_shares where parent_public_key = $1 and share_index = $2`,
    [bytes(validator), index],
  );
  return String(row?.key);
}

/** Takes back the last transaction of the upload: the rows are there, and nobody sees them, as when it was killed. */
async function takeBackActivation(url: string): Promise<void> {
  await using before = await setUp.clone();
  const [vault] = await runSql(before.url, `select manifest_counter, manifest_mac from ${SCHEMA}.vaults`);
  await runSql(url, `update ${SCHEMA}.keypairs set active = false, shares_set_hash = null`);
  await runSql(url, `delete from ${SCHEMA}.deposit_data`);
  await runSql(
    url,
    `update ${SCHEMA}.vaults set manifest_counter = $1, manifest_mac = $2, oracle_set_hash = null,
       deposit_data_root = null, validators_digest = null, operator_digest = null`,
    [vault?.manifest_counter, vault?.manifest_mac],
  );
}

/** Puts a share of another copy, where the same key was split by another polynomial, in the place of its namesake here. */
async function mixInShare(url: string, otherUrl: string, validator: string, index: number): Promise<void> {
  const other = await shareKeyOf(otherUrl, validator, index);
  const own = await shareKeyOf(url, validator, index);
  expect(other).not.toBe(own);
  const [secret] = await runSql(
    otherUrl,
    `select nonce, ciphertext from ${SCHEMA}.key_secrets where public_key = $1`,
    [bytes(other)],
  );
  await runSql(url, `update ${SCHEMA}.key_shares set public_key = $1 where public_key = $2`, [
    bytes(other),
    bytes(own),
  ]);
  await runSql(
    url,
    `update ${SCHEMA}.key_secrets set public_key = $1, nonce = $2, ciphertext = $3 where public_key = $4`,
    [bytes(other), secret?.nonce, secret?.ciphertext, bytes(own)],
  );
}

async function upload(url: string, count = KEYS) {
  const run = await workflow.runToEnd(url, workflow.uploadArgs(count));
  return { ...run, isReplaced: run.stderr.includes('were not what was written; they are replaced') };
}

/** Readers see all keys with shares of one polynomial each, every row opens, and so do the files for the signer. */
async function expectSound(url: string): Promise<void> {
  checkUploadedView(await readVaultView(url), workflow, workflow.publicKeys(KEYS));
  await checkByVerify(workflow, pool, url);
  const directory = join(workflow.folder, `signer-${randomBytes(4).toString('hex')}`);
  await workflow.run(url, workflow.setupWeb3SignerArgs(directory));
  expect([...readKeyDirectory(directory).publicKeys]).toHaveLength(KEYS * (1 + ORACLES));
  rmSync(directory, { recursive: true });
}

describe('M1 · the upload opens what it seals', () => {
  it('database writer: puts a foreign row where a key will be stored → the upload replaces it, and says so', async () => {
    await using database = await setUp.clone();
    const [first = ''] = workflow.publicKeys(KEYS);
    await plant(database.url, first);
    const run = await upload(database.url);
    expect([run.exitCode, run.isReplaced], run.stderr).toEqual([0, true]);
    expect(run.stderr).toContain('The rows of 1 validators');
    await expectSound(database.url);
    const again = await upload(database.url);
    expect([again.exitCode, again.isReplaced], again.stderr).toEqual([0, false]);
    await expectSound(database.url);
  });

  it.each(['validator', 'share'])(
    'database writer: damages the row of an active %s, its nonce being left → the next upload mends it',
    async kind => {
      await using database = await uploaded.clone();
      const [, second = ''] = workflow.publicKeys(KEYS);
      await damage(database.url, kind === 'validator' ? second : await shareKeyOf(database.url, second, 1));
      const run = await upload(database.url);
      expect([run.exitCode, run.isReplaced], run.stderr).toEqual([0, true]);
      await expectSound(database.url);
    },
  );

  it('database writer: damages the row of every key → the next upload mends them all', async () => {
    await using database = await uploaded.clone();
    await runSql(
      database.url,
      `update ${SCHEMA}.key_secrets set ciphertext = decode(repeat('5a', 48), 'hex')`,
    );
    const run = await upload(database.url);
    expect([run.exitCode, run.isReplaced], run.stderr).toEqual([0, true]);
    expect(run.stderr).toContain(`The rows of ${KEYS} validators`);
    await expectSound(database.url);
  });

  it('database writer: damages rows whose keystores are not given → an error names the keys, nothing is activated', async () => {
    await using database = await uploaded.clone();
    const given = new Set(workflow.publicKeys(KEYS - 1));
    const absent = workflow.publicKeys(KEYS).find(publicKey => !given.has(publicKey)) ?? '';
    const before = await readVaultView(database.url);
    await damage(database.url, await shareKeyOf(database.url, absent, 0));
    const run = await upload(database.url, KEYS - 1);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(absent);
    expect(run.stderr).toContain('Nothing was activated');
    expect(run.stderr).toContain('with the keystores of these validators as well');
    expect(await readVaultView(database.url)).toEqual(before);
    const mended = await upload(database.url);
    expect([mended.exitCode, mended.isReplaced], mended.stderr).toEqual([0, true]);
    await expectSound(database.url);
  });

  it('database writer: mixes shares of two uploads, each of which opens, into one key → noticed, made anew', async () => {
    await using database = await uploaded.clone();
    await using other = await setUp.clone();
    await workflow.run(other.url, workflow.uploadArgs(KEYS));
    const [first = '', , third = ''] = workflow.publicKeys(KEYS);
    await takeBackActivation(database.url);
    await mixInShare(database.url, other.url, first, 0);
    await mixInShare(database.url, other.url, third, ORACLES - 1);
    const run = await upload(database.url);
    expect([run.exitCode, run.isReplaced], run.stderr).toEqual([0, true]);
    expect(run.stderr).toContain('The rows of 2 validators');
    await expectSound(database.url);
  });

  it('database writer: damages an active row before the oracles change → its key comes from the keystore', async () => {
    await using database = await uploaded.clone();
    const [first = ''] = workflow.publicKeys(KEYS);
    await damage(database.url, first);
    await workflow.devnet.updateOracles({ count: ORACLES, threshold: 2, replace: true });
    const run = await upload(database.url);
    expect([run.exitCode, run.isReplaced], run.stderr).toEqual([0, true]);
    expect(run.stderr).toContain('The rows of 1 validators');
    await expectSound(database.url);
  });

  it('database writer: changes a row after it was opened, before it is sealed → nothing is activated', async () => {
    await using database = await createTestDatabase();
    using keystores = temporaryDirectory();
    const keystoresDir = join(keystores.path, 'keys');
    writeKeystores(keystoresDir, recordedSecretKeys(10));
    await fillWithRecordedVault(database.url, keystoresDir);
    await using session = await openDatabase({ url: database.url });
    const counter = () => runSql(database.url, `select manifest_counter from ${SCHEMA}.vaults`);
    const before = await counter();
    const onSay = (line: string) => {
      if (line.startsWith('Uploading updates')) damageAnyAtOnce(database.url);
    };
    await expect(uploadRecorded(session, pool, { keystoresDir, onSay })).rejects.toMatchObject({
      code: 'vault-changed',
      message: expect.stringContaining('nothing was activated'),
    });
    expect(await counter()).toEqual(before);
    const { result, warnings } = await uploadRecorded(session, pool, { keystoresDir });
    expect(result).toMatchObject({ stored: 1 });
    expect(warnings).toEqual([expect.stringContaining('The rows of 1 validators')]);
  });

  it('database writer: activates keys that an upload which was killed has left → no upload seals them unasked', async () => {
    await using database = await createTestDatabase();
    using keystores = temporaryDirectory();
    const [all, two] = [join(keystores.path, 'all'), join(keystores.path, 'two')];
    const secretKeys = recordedSecretKeys(10);
    writeKeystores(all, secretKeys);
    writeKeystores(two, secretKeys.slice(0, 2));
    await using session = await openDatabase({ url: database.url });
    await setupRecorded(session);
    const stopped = uploadRecorded(session, pool, {
      keystoresDir: all,
      onSay: line => {
        if (line.startsWith('Uploading updates')) throw new Error('killed');
      },
    });
    await expect(stopped).rejects.toThrow('killed');
    const onSay = (line: string) => {
      // The manifest has been checked by then.
      if (line.startsWith('Loading keystores')) {
        runSqlAtOnce(
          database.url,
          `update ${SCHEMA}.keypairs k set active = true, shares_set_hash = s.oracle_set_hash
             from ${SCHEMA}.oracle_sets s where s.vault_id = k.vault_id`,
        );
      }
    };
    const data = recordedDepositData();
    const entries = data.entries.filter(({ publicKey }) =>
      secretKeys.slice(0, 2).some(key => equalBytes(publicKeyOf(key), publicKey)),
    );
    const { root } = buildDepositTree(entries, fromHex(RECORDED_VAULT, 20));
    const ofTwo = { keystoresDir: two, depositData: { ...data, entries }, root };
    await expect(uploadRecorded(session, pool, { ...ofTwo, onSay })).rejects.toMatchObject({
      code: 'vault-changed',
      message: expect.stringContaining('Readers would see 10 validators after this upload, expected 2'),
    });
  });
});

const damageAnyAtOnce = (url: string) =>
  runSqlAtOnce(
    url,
    `update ${SCHEMA}.key_secrets set ciphertext = decode(repeat('5a', 48), 'hex')
       where public_key = (select min(public_key::text)::bytea from ${SCHEMA}.keypairs)`,
  );

/** Another client of the database, while this process stands still. */
function runSqlAtOnce(url: string, text: string): void {
  const program = `
    import pg from 'pg';
    const client = new pg.Client({ connectionString: process.argv[1] });
    await client.connect();
    await client.query(process.argv[2]);
    await client.end();`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program, url, text], {
    cwd: import.meta.dirname,
  });
  if (status !== 0) throw new Error(String(stderr));
}
