import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/database.ts';
import { takeLease } from '../../src/db/leases.ts';
import { authenticateIntent, recordAttempt, recordIntent } from '../../src/db/transactions.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { freePort } from '../devnet/listen.ts';
import { createRolesDatabase, type RolesDatabase } from '../support/postgres/database-roles.ts';
import { runSql } from '../support/postgres/postgres.ts';
import { type CliRun, runCli } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { spawnSignerProcess } from '../support/programs/signer-process.ts';
import { type OperatorScene, startOperatorScene } from '../support/scenes/operator-scene.ts';

/** Which role each command of the README's table is run with; what it needs is found by running it. */
type Who = 'owner' | keyof RolesDatabase['urls'];

const resources = new AsyncDisposableStack();
let scene: OperatorScene;
let database: RolesDatabase;
let encryptKeyFile: string;

beforeAll(async () => {
  scene = resources.use(await startOperatorScene({ validators: 3, hasEmbeddedDatabase: false }));
  database = resources.use(await createRolesDatabase({ migrated: false }));
  encryptKeyFile = join(scene.folder, 'encrypt-key');
  mkdirSync(join(scene.folder, 'out'));
});
afterAll(() => resources.disposeAsync());

function urlOf(who: Who): string {
  return who === 'owner' ? database.ownerUrl : database.urls[who];
}

function groupArgs(): string[] {
  return ['--vault', scene.vault, '--network', scene.networkFile, '--data-dir', scene.dataDir];
}

async function remoteDb(who: Who, command: string, ...more: string[]): Promise<CliRun> {
  const env = { REMOTE_DB_URL: urlOf(who), IPFS_FETCH_ENDPOINTS: scene.devnet.ipfs.url };
  return runCli(['remote-db', ...groupArgs(), command, ...more], { env });
}

async function tx(who: Who, ...words: string[]): Promise<CliRun> {
  const [verb = '', ...more] = words;
  return runCli(['tx', verb, ...groupArgs(), ...more], { env: { REMOTE_DB_URL: urlOf(who) } });
}

function expectDone(run: CliRun): void {
  expect(run.exitCode, run.stderr).toBe(0);
}

function expectRefused(run: CliRun, table: string): void {
  expect(run.stderr).toMatch(new RegExp(`permission denied for table (${table})\\.\\n`));
  expect(run.stderr).toContain('remote-db grants');
  expect(run.exitCode).toBe(1);
}

const out = (name: string) => join(scene.folder, 'out', name);
const key = () => ['--encrypt-key-file', encryptKeyFile];
const upload = () => [...key(), '--execution-endpoints', scene.devnet.rpcUrl, '--pool-size', '1'];
const setupValidator = () => [
  '--validator-index',
  '0',
  '--total-validators',
  '2',
  '--web3signer-endpoint',
  'http://signer:9000',
  '--fee-recipient',
  scene.wallet,
  '--output-dir',
  out('validator'),
];

// In the order of a deployment: each command meets what those before it have left.
describe('the roles of "remote-db grants"', () => {
  it('remote-db grants prints what the owner runs after migrate, without a database', async () => {
    expectDone(await remoteDb('owner', 'migrate'));
    const names = database.roles;
    const printed = await runCli([
      'remote-db',
      'grants',
      '--role-prefix',
      'unused_',
      '--uploader',
      names.uploader,
      '--signer-sync',
      names['signer-sync'],
      '--validator-config',
      names['validator-config'],
      '--operator',
      names.operator,
      '--auditor',
      names.auditor,
    ]);
    expect(printed).toMatchObject({ exitCode: 0, stdout: database.grants });
    await runSql(database.ownerUrl, printed.stdout);
    expectDone(await remoteDb('owner', 'migrate'));
    expectDone(await remoteDb('uploader', 'migrate'));
  });

  it('remote-db grants --json gives its SQL as a document, with role names from a prefix', async () => {
    const run = await runCli(['remote-db', 'grants', '--json', '--role-prefix', 'my-', '--db-schema', 'own']);
    expect(run.exitCode).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      schema: 'own',
      roles: {
        uploader: 'my-uploader',
        'signer-sync': 'my-signer_sync',
        'validator-config': 'my-validator_config',
        operator: 'my-operator',
        auditor: 'my-auditor',
      },
      sql: expect.stringMatching(
        /^begin;[\s\S]+grant usage on schema "own" to "my-uploader"[\s\S]+commit;\n$/,
      ),
    });
  });

  it('remote-db grants refuses a role name that Postgres would cut as a usage error', async () => {
    const run = await runCli(['remote-db', 'grants', '--auditor', 'a'.repeat(64)]);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
  });

  it('remote-db setup needs the role uploader', async () => {
    for (const who of ['signer-sync', 'validator-config', 'operator', 'auditor'] as const)
      expectRefused(await remoteDb(who, 'setup', '--encrypt-key-file', out(`key of ${who}`)), 'vaults');
    expectDone(await remoteDb('uploader', 'setup', ...key()));
    expect(await remoteDb('uploader', 'setup', ...key())).toMatchObject({ exitCode: 3, stdout: '' });
    // Without keys it may be done anew, with another data key.
    expectDone(await remoteDb('uploader', 'setup', '--replace-key', ...key()));
    expectDone(await remoteDb('uploader', 'setup', '--if-needed', ...key()));
  });

  it('remote-db upload-keypairs needs the role uploader', async () => {
    expectRefused(await remoteDb('signer-sync', 'upload-keypairs', ...upload()), 'upload_proofs');
    expectRefused(await remoteDb('operator', 'upload-keypairs', ...upload()), 'data_keys');
    expectDone(await remoteDb('uploader', 'upload-keypairs', ...upload()));
    expectDone(await remoteDb('uploader', 'upload-keypairs', '--prune-shares', ...upload()));
  });

  it('setup-validator stores no first plan with the role validator-config, and says which role does', async () => {
    const run = await remoteDb('validator-config', 'setup-validator', ...setupValidator());
    expect(run).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^Error: Role "validator_config_\w+" lacks a right in .*: permission denied for table vaults\.\nNo plan of validator clients is stored yet: run "remote-db assign --total-validators 2" with the uploader's role of "remote-db grants" first\.\n$/,
      ),
    });
  });

  it('remote-db assign needs the role uploader', async () => {
    expectRefused(await remoteDb('signer-sync', 'assign', '--total-validators', '2'), 'vaults');
    expectDone(await remoteDb('uploader', 'assign', '--total-validators', '3'));
    // What a deployment asks before it starts another number of clients needs no more than their role.
    expectDone(await remoteDb('validator-config', 'assign', '--total-validators', '3', '--check'));
    const checked = await remoteDb('validator-config', 'assign', '--total-validators', '2', '--check');
    expect(checked).toMatchObject({ exitCode: 3, stdout: '' });
    const moved = await remoteDb('validator-config', 'setup-validator', ...setupValidator(), '--reassign');
    expect(moved.exitCode).toBe(1);
    expect(moved.stderr).toContain(
      'stop the validator clients that lose keys, then run "remote-db assign --total-validators 2 --reassign" with the uploader',
    );
    expectDone(await remoteDb('uploader', 'assign', '--total-validators', '2', '--reassign'));
  });

  it('setup-validator and setup-operator need no role but validator-config', async () => {
    expectDone(await remoteDb('validator-config', 'setup-validator', ...setupValidator()));
    expectDone(await remoteDb('validator-config', 'setup-operator', '--output-dir', out('operator')));
  });

  it('setup-web3signer, verify and signer need the role signer-sync', async () => {
    for (const command of ['setup-web3signer', 'verify']) {
      const more = command === 'verify' ? [] : ['--output-dir', out('web3signer')];
      for (const who of ['validator-config', 'operator', 'auditor'] as const)
        expectRefused(await remoteDb(who, command, ...key(), ...more), 'data_keys');
      expectDone(await remoteDb('signer-sync', command, ...key(), ...more));
    }
    const urlFile = join(scene.folder, 'db-url');
    writeFileSync(urlFile, database.urls['signer-sync'], { mode: 0o600 });
    await using _signer = await spawnSignerProcess([
      '--vault',
      scene.vault,
      '--network',
      scene.networkFile,
      '--data-dir',
      join(scene.folder, 'none'),
      '--db-url-file',
      urlFile,
      ...key(),
      '--listen',
      `127.0.0.1:${await freePort()}`,
    ]);
  });

  it('start registers validators with the rights of the role operator alone', async () => {
    const env = { REMOTE_DB_URL: database.urls.operator, IPFS_FETCH_ENDPOINTS: scene.devnet.ipfs.url };
    await using operator = startOperatorProcess(scene.args, { env });
    await operator.printed('Started operator service');
    await scene.devnet.depositEther(32);
    await operator.printed('Successfully registered validators', 60_000);
    const { exitCode } = await operator.stop();
    expect(exitCode).toBe(0);
    expect(operator.output).not.toContain('permission denied');
    expect(
      await runSql(
        database.url,
        "select kind from stakewise_operator.transactions where state = 'confirmed'",
      ),
    ).not.toEqual([]);
  });

  it('start is refused by the database with any role but operator', async () => {
    for (const who of ['uploader', 'signer-sync', 'validator-config', 'auditor'] as const) {
      await using operator = startOperatorProcess(scene.args, { env: { REMOTE_DB_URL: urlOf(who) } });
      await operator.printed(
        /permission denied for table (operator_leases|deposit_registries|accepted_oracle_sets)/,
      );
    }
  });

  it('tx list needs the role operator or auditor, tx bump and tx cancel need operator', async () => {
    await recordWaiting(database.urls.operator);
    for (const who of ['uploader', 'signer-sync', 'validator-config'] as const)
      expectRefused(await tx(who, 'list'), 'transactions');
    for (const who of ['auditor', 'operator'] as const) expectDone(await tx(who, 'list'));
    for (const verb of ['bump', 'cancel']) {
      expectRefused(await tx('auditor', verb), 'transactions');
      expectDone(await tx('operator', verb));
    }
  });

  it('remote-db cleanup needs the role uploader, which the audit log names for each command', async () => {
    for (const who of ['signer-sync', 'operator'] as const)
      expectRefused(await remoteDb(who, 'cleanup', '--yes'), 'vaults|key_secrets');
    expectDone(await remoteDb('uploader', 'cleanup', '--yes'));
    const log = await runSql(
      database.urls.auditor,
      'select command, database_role, login_role from stakewise_operator.audit_log order by audit_id',
    );
    const { uploader } = database.roles;
    expect(new Set(log.map(entry => entry.command))).toEqual(
      new Set(['remote-db setup', 'remote-db upload-keypairs', 'remote-db assign', 'remote-db cleanup']),
    );
    expect(log.every(entry => entry.database_role === uploader && entry.login_role === uploader)).toBe(true);
  });
});

/** Records a transaction that seems to be under way, for the commands that ask for a replacement. */
async function recordWaiting(url: string): Promise<void> {
  await using opened = await openDatabase({ url });
  const { chainId } = await scene.devnet.protocol.provider.getNetwork();
  const lease = { chainId: Number(chainId), vault: fromHex(scene.vault, 20) };
  const epoch = await takeLease(opened, lease, { holder: 'test', ttlMs: 60_000 });
  if (epoch === undefined) throw new Error('the lease of the operator that has ended is still held');
  const address = new Uint8Array(20).fill(7);
  const id = await recordIntent(
    opened,
    { ...lease, epoch },
    {
      kind: 'harvest',
      key: 'waiting',
      sender: address,
      recipient: address,
      nonce: 4n,
      data: new Uint8Array(4),
      gasLimit: 90_000n,
      deadline: undefined,
      valueWei: 0n,
      bumpCeilingWei: 100_000_000_000n,
    },
  );
  const mac = new Uint8Array(32).fill(9);
  await authenticateIntent(opened, { ...lease, epoch }, id ?? 0n, { mac, bumpCeilingWei: 90_000_000_000n });
  await recordAttempt(opened, { ...lease, epoch }, id ?? 0n, {
    hash: new Uint8Array(32).fill(1),
    nonce: 4n,
    purpose: 'call',
    raw: new Uint8Array(9),
    maxFeeWei: 12_500_000_000n,
    maxPriorityFeeWei: 1n,
    mac: undefined,
  });
}

it('remote-db grants has shown its result with --json as its schema says', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
