import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../devnet/listen.ts';
import { startRpcProxy } from '../../devnet/rpc-proxy.ts';
import { createTestDatabase } from '../../support/postgres/postgres.ts';
import { runCli } from '../../support/programs/cli.ts';
import { checkJsonResult, unseenResults } from '../../support/programs/json-results.ts';
import { type OperatorProcess, startOperatorProcess } from '../../support/programs/operator-process.ts';
import {
  KEYSTORE_PASSWORD,
  type OperatorScene,
  startOperatorScene,
  WALLET_PASSWORD,
} from '../../support/scenes/operator-scene.ts';
import { PATIENCE_MS, waitUntil } from '../../support/wait-until.ts';

/** Ether of one validator. */
const STAKE = 32;
const SECONDS = 1000;

let scene: OperatorScene;

beforeAll(async () => {
  scene = await startOperatorScene({ validators: 8, hasEmbeddedDatabase: false });
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

/** Lines of metrics, those of the process and of the runtime left out. */
async function readMetricLines(url: string): Promise<readonly string[]> {
  const text = await (await fetch(url)).text();
  return text.split('\n').filter(line => line !== '' && !/^(#|process_|nodejs_)/.test(line));
}

/** Metrics by their names and labels, without the network's. */
async function readMetrics(url: string): Promise<ReadonlyMap<string, number>> {
  const lines = await readMetricLines(url);
  return new Map(
    lines.map(line => {
      const end = line.lastIndexOf(' ');
      const name = line
        .slice(0, end)
        .replace(/network="devnet",|,?network="devnet"/, '')
        .replace('{}', '');
      return [name, Number(line.slice(end + 1))];
    }),
  );
}

/** The built-in signer among the processes that this one has started, or those have. */
function signerBelow(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  for (const child of children.map(Number)) {
    if (readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('stakewise-signer')) return child;
    const below = signerBelow(child);
    if (below !== 0) return below;
  }
  return 0;
}

async function countRegistered(): Promise<number> {
  return (await scene.devnet.readVaultLog()).registered.length;
}

/** The network file with other facts. */
function writeNetworkFile(name: string, change: (network: Record<string, unknown>) => void): string {
  const network = JSON.parse(readFileSync(scene.networkFile, 'utf8'));
  change(network);
  const path = join(scene.folder, name);
  writeFileSync(path, JSON.stringify(network));
  return path;
}

describe('start with local keystores', () => {
  const ports = { metrics: 0, health: 0, status: 0 };
  let operator: OperatorProcess;
  /** Registered before this operator had assets. */
  let before: number;

  beforeAll(async () => {
    ports.metrics = await freePort();
    ports.health = await freePort();
    ports.status = await freePort();
    operator = startOperatorProcess([
      ...scene.args,
      '--enable-metrics',
      '--metrics-port',
      String(ports.metrics),
      '--health-port',
      String(ports.health),
      '--status-port',
      String(ports.status),
    ]);
    await operator.printed('Started operator service');
    await waitUntil(
      'eight unused keys in the metrics',
      async () => (await metrics()).get('unused_validator_keys') === 8,
      { lastSeen: () => operator.output },
    );
    before = await countRegistered();
    await scene.devnet.depositEther(2 * STAKE);
    await operator.printed('Successfully registered validators');
  });
  afterAll(() => operator[Symbol.asyncDispose]());

  const metrics = () => readMetrics(`http://127.0.0.1:${ports.metrics}/metrics`);
  const probe = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${ports.health}${path}`);
    return { status: response.status, text: await response.text() };
  };

  it('the operator begins its log with its version', () => {
    expect(operator.output).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO {5}Starting operator service, version v/,
    );
  });

  it('the operator registers as many validators as the vault has assets for', async () => {
    expect(await countRegistered()).toBe(before + 2);
  });

  it('the log of the operator shows each signature of its signer', () => {
    expect(operator.output).toMatch(
      / INFO {5}\[signer\] signed key=0x[0-9a-f]{96} type=VOLUNTARY_EXIT validatorIndex=\d+ epoch=0\n/,
    );
  });

  it('a second operator with the same embedded database is refused', async () => {
    const second = await runCli(['start', ...scene.args]);
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toMatch(/The embedded database \S+operator-db is in use by process \d+/);
  });

  it('the operator’s metrics have every figure of a registration', async () => {
    expect([...(await metrics()).keys()]).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^app_version_info\{version="v/),
        'block_number',
        'slot_number',
        'wallet_balance',
        'outdated_signatures',
        'stakeable_assets',
        'task_last_success_timestamp_seconds{task="register-validators"}',
        'exit_shards_mode{mode="split"}',
        'registration_blocked{reason="root_mismatch"}',
        'task_failures_total{task="register-validators"}',
        'transaction_pending_since_timestamp_seconds{kind="register-validators"}',
        'transactions_total{kind="register-validators",status="confirmed"}',
        expect.stringMatching(
          /^request_duration_seconds_count\{target="oracle",server="http.*outcome="ok"\}$/,
        ),
        expect.stringMatching(/^request_duration_seconds_count\{target="signer"/),
        expect.stringMatching(/^request_duration_seconds_count\{target="rpc"/),
        expect.stringMatching(/^request_duration_seconds_count\{target="ipfs"/),
        expect.stringMatching(/^task_duration_seconds_count\{task="register-validators",outcome="ok"\}$/),
      ]),
    );
  });

  it('the operator’s metrics all have the name of the network', async () => {
    const lines = await readMetricLines(`http://127.0.0.1:${ports.metrics}/metrics`);
    expect(lines.length).toBeGreaterThan(50);
    expect(lines.filter(line => !/[{,]network="devnet"[,}]/.test(line))).toEqual([]);
  });

  it('the operator warns at its start of the ceiling of fees that nobody has set', () => {
    expect(operator.output).toContain(
      'WARNING  No transaction offers more than 100 gwei per gas, the default of devnet: ',
    );
  });

  it('the operator’s metrics say who leads, how shards are made, and what chain and wallet have', async () => {
    const found = await metrics();
    expect(found.get('leader')).toBe(1);
    expect(found.get('exit_shards_mode{mode="split"}')).toBe(1);
    expect(found.get('block_number')).toBeGreaterThan(10);
    expect(found.get('wallet_balance')).toBeGreaterThan(9e18);
  });

  it('the operator’s metrics say that the start is over, what was registered last, and that database and signer are there', async () => {
    const found = await metrics();
    expect(found.get('service_started')).toBe(1);
    expect(found.get('last_registration_block')).toBeGreaterThan(0);
    expect(found.get('last_registration_block')).toBeLessThanOrEqual(found.get('block_number') ?? 0);
    expect(found.get('database_up')).toBe(1);
    expect(found.get('signer_process_up')).toBe(1);
    expect(found.get('signer_reachable')).toBe(1);
    expect(found.get('signer_keys')).toBe(8);
    expect(found.get('configured_validators')).toBe(8);
    expect(found.get('unsignable_validators')).toBe(0);
    expect(found.get(`vault_info{vault="${scene.vault}"}`)).toBe(1);
    const now = Date.now() / 1000;
    const renewed = found.get('lease_renewed_timestamp_seconds') ?? 0;
    expect(now - renewed).toBeLessThan(30);
    expect(found.get('lease_acquired_timestamp_seconds')).toBeLessThanOrEqual(renewed);
    expect(found.get('transaction_pending_since_timestamp_seconds{kind="register-validators"}')).toBe(0);
    expect(found.get('fee_ceiling_wei')).toBe(100e9);
    expect(found.get('base_fee_wei')).toBeGreaterThanOrEqual(0);
  });

  it('the operator’s metrics count the oracles, those that answer and those that have to approve', async () => {
    const { oracles } = scene.devnet;
    const counts = async () => {
      const found = await metrics();
      return ['oracles', 'oracles_reachable'].map(name => found.get(name));
    };
    const all = oracles.servers.length;
    await expect.poll(counts, { timeout: PATIENCE_MS }).toEqual([all, all]);
    expect((await metrics()).get('oracles_required')).toBeLessThanOrEqual(all);
    expect((await metrics()).get('oracles_required')).toBeGreaterThan(0);
  });

  it('the operator’s health port has /livez and /readyz, and no metrics', async () => {
    expect(await probe('/livez')).toEqual({ status: 200, text: 'ok\n' });
    expect((await probe('/metrics')).status).toBe(404);
  });

  it('the operator’s status page shows its own tasks, nodes and wallet, and no secret', async () => {
    const url = `http://127.0.0.1:${ports.status}/`;
    expect(operator.output).toContain(`Status page at ${url}`);
    const response = await fetch(url);
    const page = await response.text();
    expect(response.status, page).toBe(200);
    expect(page).toContain(scene.vault);
    expect(page).toContain('register-validators');
    expect(page).toMatch(/block [\d,]+</);
    expect(page).toContain('not asked: --db-url names no database');
    for (const secret of [KEYSTORE_PASSWORD, WALLET_PASSWORD]) expect(page).not.toContain(secret);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  });

  it('/readyz tells of each task when it last succeeded and what it waits for', async () => {
    const ready = await probe('/readyz');
    expect(ready.status).toBe(200);
    const report = JSON.parse(ready.text);
    expect(report).toMatchObject({ ready: true, phase: 'running' });
    expect(report.tasks.map((task: { name: string }) => task.name).sort()).toEqual([
      'check-oracles',
      'count-unused-keys',
      'register-validators',
      'rotate-exit-signatures',
      'track-validators',
      'watch-chain',
    ]);
    for (const task of report.tasks) {
      expect(task).toMatchObject({ lastSuccess: expect.any(String), lastError: null });
      expect(task).toHaveProperty('waitsFor');
    }
  });

  it('/readyz is not ready as soon as the signer is gone, which holds the hot wallet, and says so until it is back', async () => {
    const ready = async () => {
      const { status, text } = await probe('/readyz');
      return { status, report: JSON.parse(text) };
    };
    const keystores = join(scene.vaultDir, 'keystores');
    // Without keystores it does not come back.
    renameSync(keystores, `${keystores}.away`);
    try {
      process.kill(signerBelow(operator.pid), 'SIGKILL');
      await expect
        .poll(ready, { timeout: 10_000, interval: 50 })
        .toMatchObject({ status: 503, report: { ready: false, phase: 'running' } });
      const { report } = await ready();
      expect(report.waitsFor).toMatch(/^the signer's process, which holds the hot wallet: it /);
      await operator.printed('the signer does not start');
      expect((await ready()).report.waitsFor).toMatch(/which holds the hot wallet: it does not start: /);
    } finally {
      renameSync(`${keystores}.away`, keystores);
    }
    await operator.printed('the signer is back');
    // Tasks that have failed in a row meanwhile have to pass first.
    await expect
      .poll(ready, { timeout: PATIENCE_MS, interval: 50 })
      .toMatchObject({ status: 200, report: { ready: true, waitsFor: null } });
  });

  it('/readyz says that the registration waits for assets', async () => {
    // Nothing is waited for while a pass is under way.
    const registration = async () =>
      JSON.parse((await probe('/readyz')).text).tasks.find(
        (task: { name: string }) => task.name === 'register-validators',
      );
    await expect
      .poll(async () => (await registration()).waitsFor, { timeout: PATIENCE_MS })
      .toBe('assets for the next validator');
  });

  it('the operator ends within 10 seconds of SIGTERM, and its ports are closed', async () => {
    const { exitCode, afterMs } = await operator.stop('SIGTERM');
    expect(exitCode).toBe(0);
    expect(afterMs).toBeLessThan(10 * SECONDS);
    expect(operator.output).toMatch(/Received SIGTERM, stopping\.\.\.\n.*\n?.*Stopped\n$/);
    await expect(fetch(`http://127.0.0.1:${ports.health}/livez`)).rejects.toThrow();
  });
});

describe('start with a database of before', () => {
  it('the operator goes on from its database, writes JSON logs, and shows no secret that it was given', async () => {
    const planted = {
      HASHI_VAULT_TOKEN: 'planted-vault-t0ken',
      EXECUTION_JWT_SECRET: `0x${'c0ffee00'.repeat(8)}`,
      SIGNER_PFX_PASSWORD: 'planted-pfx-pa55word',
      REMOTE_DB_ENCRYPT_KEY: 'cGxhbnRlZC1lbmNyeXB0LWtleS0wMTIzNDU2Nzg5MDE=',
      SENTRY_DSN: 'https://planted-sentry-key@sentry.example/1',
      IPFS_FETCH_ENDPOINTS: scene.devnet.ipfs.url,
    };
    const metricsPort = await freePort();
    const rpc = new URL(scene.devnet.rpcUrl);
    const terminationLog = join(scene.folder, 'termination.log');
    const down = `http://planted-user:planted-rpc-pa55@127.0.0.1:${await freePort()}/v3/planted-api-key-0123456789`;
    await using operator = startOperatorProcess(
      [
        '--vault',
        scene.vault,
        '--data-dir',
        scene.dataDir,
        '--log-format',
        'json',
        '--log-level',
        'debug',
        '--execution-endpoints',
        `${down},http://planted-user:planted-rpc-pa55@${rpc.host}`,
        '--consensus-endpoints',
        `${scene.beacon.url},${down}?token=planted-query-t0ken`,
        '--enable-metrics',
        '--metrics-port',
        String(metricsPort),
        '--metrics-prefix',
        'sw_operator',
      ],
      { env: { ...planted, TERMINATION_LOG: terminationLog } },
    );
    await operator.printed('Started operator service');
    await scene.devnet.depositEther(STAKE);
    await operator.printed('Successfully registered validators');
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(metrics).toContain('sw_operator_block_number{network="devnet"} ');
    const ready = await (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).text();
    expect((await operator.stop()).exitCode).toBe(0);
    const lines = operator.output.trim().split('\n');
    for (const line of lines.filter(line => !line.startsWith('Warning: '))) {
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), msg: expect.any(String) });
    }
    expect(operator.output).toContain('Accepted and ignored: SENTRY_DSN"');
    expect(operator.output).toContain('The others are used.');
    const shown = [operator.output, metrics, ready].join('\n');
    expect(shown).not.toMatch(/planted|c0ffee|cGxhbnRl/);
    expect(shown).not.toContain(KEYSTORE_PASSWORD);
    expect(shown).not.toContain(WALLET_PASSWORD);
    expect(existsSync(terminationLog)).toBe(false);
  });
});

describe('start with the hot wallet as validators manager', () => {
  it('the operator as validators manager has its signer process sign the approval of validators by their members', async () => {
    await using managed = await startOperatorScene({ validators: 2, vaultVersion: 5 });
    await using database = await createTestDatabase();
    const urlFile = join(managed.folder, 'db-url');
    writeFileSync(urlFile, database.url, { mode: 0o600 });
    const args = [...managed.args, '--db-url-file', urlFile];
    await using operator = startOperatorProcess([...args, '--validator-type', '0x01']);
    await operator.printed('Started operator service');
    await managed.devnet.depositEther(STAKE);
    await operator.printed('Successfully registered validators');
    expect((await managed.devnet.readVaultLog()).registered).toHaveLength(1);
    expect(operator.output).toMatch(
      / INFO {5}\[signer\] signed address=0x\S+ type=VAULT_VALIDATORS vault=0x\S+ validators=1\n/,
    );
    expect(operator.output).toMatch(/type=TRANSACTION to=0x\S+ nonce=0 call=registerValidators\n/);
  });
});

describe('start with the deposit data registry as validators manager of a vault of version 5', () => {
  it('the operator registers by deposit data, through the registry, in the order of the file', async () => {
    await using scene5 = await startOperatorScene({
      validators: 3,
      vaultVersion: 5,
      manager: 'registry',
    });
    await using operator = startOperatorProcess(scene5.args);
    await operator.printed('Started operator service');
    await scene5.devnet.depositEther(2 * STAKE);
    await operator.printed('Successfully registered validators');
    const { registered, registrations } = await scene5.devnet.readVaultLog();
    expect(registered).toEqual(scene5.publicKeys.slice(0, 2));
    expect(registrations).toBe(1);
    const { depositDataRegistry } = scene5.devnet.addresses;
    expect(operator.output).toContain(
      `type=TRANSACTION to=${depositDataRegistry} nonce=0 call=registerValidators\n`,
    );
    expect(operator.output).not.toContain('VAULT_VALIDATORS');
    expect((await operator.stop()).exitCode).toBe(0);
  });
});

describe('start with a remote signer', () => {
  it('the operator signs through a remote signer without a keystores directory, and prints the manual’s line', async () => {
    const port = await freePort();
    const dataDir = scene.writeDataDir('remote');
    const own = join(dataDir, scene.vault.toLowerCase());
    const keys = ['--keystores-dir', join(scene.vaultDir, 'keystores'), '--network', scene.networkFile];
    const { spawnSignerProcess } = await import('../../support/programs/signer-process.ts');
    await using _signer = await spawnSignerProcess([...keys, '--listen', `127.0.0.1:${port}`]);
    const { rmSync } = await import('node:fs');
    rmSync(join(own, 'keystores'), { recursive: true });
    writeFileSync(
      join(own, 'remote_signer_config.json'),
      JSON.stringify({ pubkeys_to_shares: Object.fromEntries(scene.publicKeys.map(key => [key, []])) }),
    );
    const args = ['--data-dir', dataDir, '--remote-signer-url', `http://127.0.0.1:${port}`];
    await using operator = startOperatorProcess([
      ...scene.args.slice(0, 2),
      ...args,
      ...scene.args.slice(4),
      '--json',
    ]);
    await operator.printed(`Using remote signer at http://127.0.0.1:${port} for 8 public keys`);
    await operator.printed('Started operator service');
    const before = await countRegistered();
    await scene.devnet.depositEther(STAKE);
    await operator.printed('Successfully registered validators');
    expect(await countRegistered()).toBe(before + 1);
    const { exitCode } = await operator.stop('SIGINT');
    expect(exitCode).toBe(0);
    expect(JSON.parse(operator.stdout)).toEqual({ stopped: true });
    checkJsonResult(['start', '--json'], { stdout: operator.stdout, exitCode });
  });
});

describe('start from the remote database', () => {
  it('the operator needs no init and no files when keys, deposit data and state are in the database', async () => {
    await using database = await createTestDatabase();
    const pod = join(scene.folder, 'pod');
    mkdirSync(pod);
    writeFileSync(join(pod, 'db-url'), database.url, { mode: 0o600 });
    const db = ['--db-url-file', join(pod, 'db-url'), '--network', scene.networkFile];
    const remoteDb = ['remote-db', ...db, '--vault', scene.vault, '--data-dir', scene.dataDir];
    const key = ['--encrypt-key-file', join(pod, 'key')];
    for (const words of [['setup'], ['upload-keypairs', '--execution-endpoints', scene.devnet.rpcUrl]]) {
      const run = await runCli([...remoteDb, ...words, ...key]);
      expect(run.stderr + run.exitCode).toMatch(/0$/);
    }
    const wallet = join(scene.vaultDir, 'wallet');
    const args = [
      '--vault',
      scene.vault,
      '--data-dir',
      join(pod, 'data'),
      ...db,
      ...key,
      ...scene.args.slice(4),
      '--wallet-file',
      join(wallet, 'wallet.json'),
      '--wallet-password-file',
      join(wallet, 'password.txt'),
    ];
    await using operator = startOperatorProcess(args);
    await operator.printed('Configuration and deposit data are those of the remote database.');
    await operator.printed('Started operator service');
    const before = await countRegistered();
    await scene.devnet.depositEther(STAKE);
    await operator.printed('Successfully registered validators');
    expect(await countRegistered()).toBe(before + 1);

    // Another operator stands by, and takes over when the first one ends.
    await using second = startOperatorProcess(args);
    await second.printed('standing by');
    expect((await operator.stop()).exitCode).toBe(0);
    await second.printed('Started operator service');
    expect((await second.stop()).exitCode).toBe(0);
  });
});

describe('what does not fit', () => {
  it('start stops with a message and a code for another chain, keeper or genesis', async () => {
    const cases: readonly [
      name: string,
      change: (network: Record<string, unknown>) => void,
      message: RegExp,
    ][] = [
      ['chain', network => (network.chainId = 5), /is a node of another chain: chain id 31337 instead of 5/],
      [
        'keeper',
        network => Object.assign(network.contracts as object, { keeper: `0x${'00'.repeat(19)}99` }),
        /There is no keeper contract at 0x0{38}99 on chain 31337/,
      ],
      [
        'genesis',
        network => (network.genesisValidatorsRoot = `0x${'01'.repeat(32)}`),
        /is a node of another network: genesis validators root 0xd3d3/,
      ],
    ];
    const terminationLog = join(scene.folder, 'fatal.log');
    await using database = await createTestDatabase();
    const runs = await Promise.all([
      ...cases.map(([name, change]) =>
        runCli(
          [
            'start',
            ...scene.args,
            '--network',
            writeNetworkFile(`${name}.json`, change),
            '--db-url',
            database.url,
          ],
          { env: name === 'keeper' ? { TERMINATION_LOG: terminationLog } : {} },
        ),
      ),
    ]);
    for (const [i, run] of runs.entries()) {
      expect(run.stderr).toMatch(cases[i]?.[2] ?? /never/);
      expect(run.exitCode).toBe(1);
      // Told before any keystore is decrypted: with many of them that takes hours.
      expect(run.stderr).not.toContain('Loading keys');
    }
    expect(readFileSync(terminationLog, 'utf8')).toMatch(/^There is no keeper contract/);
  });

  it('start stops with a message and a code for a vault without an init, a taken port, and options that are missing', async () => {
    const empty = join(scene.folder, 'empty');
    mkdirSync(empty);
    const uninitialised = await runCli([
      'start',
      '--vault',
      scene.vault,
      '--data-dir',
      empty,
      ...scene.args.slice(4),
    ]);
    expect(uninitialised).toMatchObject({ exitCode: 1, stdout: '' });
    expect(uninitialised.stderr).toContain(
      `Error: Config for vault ${scene.vault} does not exist. Please run "init" command.`,
    );
    const none = join(scene.folder, 'none.json');
    const flagged = await runCli(['start', ...scene.args, '--deposit-data-file', none]);
    expect(flagged).toMatchObject({ exitCode: 2, stdout: '' });
    const { port } = new URL(scene.devnet.rpcUrl);
    const taken = await runCli(['start', ...scene.args, '--enable-metrics', '--metrics-port', port]);
    expect(taken.exitCode).toBe(1);
    expect(taken.stderr).toContain(`Error: The metrics port ${port} of 127.0.0.1 is in use.`);
    const missing = await runCli(['start', '--vault', scene.vault]);
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toContain("Missing options '--consensus-endpoints', '--execution-endpoints'.");
  });

  it('the operator waits for what is down, tells the probes so, and goes on when it is back', async () => {
    const healthPort = await freePort();
    await using rpc = await startRpcProxy(scene.devnet.rpcUrl, { syncing: 17 });
    scene.beacon.fault = 'down';
    await using operator = startOperatorProcess([
      '--vault',
      scene.vault,
      '--data-dir',
      scene.dataDir,
      '--consensus-endpoints',
      scene.beacon.url,
      '--execution-endpoints',
      rpc.url,
      '--health-port',
      String(healthPort),
    ]);
    const readyz = async () => {
      const response = await fetch(`http://127.0.0.1:${healthPort}/readyz`);
      const report = (await response.json()) as { ready: boolean; waitsFor?: string };
      return { status: response.status, report };
    };
    await operator.printed(`${scene.beacon.url} cannot be reached`);
    let seen: Awaited<ReturnType<typeof readyz>> | undefined;
    // Both nodes are waited for, and the probes tell what was found out last; the first failure is printed before the wait begins.
    const isToldOfNode = async () => {
      seen = await readyz();
      return [scene.beacon.url, rpc.url].some(url => seen?.report.waitsFor?.includes(url));
    };
    await waitUntil('a probe that names a node', isToldOfNode, {
      lastSeen: () => JSON.stringify(seen),
    });
    expect(seen).toMatchObject({ status: 503, report: { ready: false, phase: 'starting' } });
    // As a container's health check has it: by the operator's own variables.
    const env = { HEALTH_PORT: String(healthPort), METRICS_HOST: '127.0.0.1' };
    const alive = await runCli(['healthcheck', '--json'], { env });
    expect(JSON.parse(alive.stdout)).toEqual({ url: `http://127.0.0.1:${healthPort}/livez` });
    expect(alive.exitCode).toBe(0);
    const waiting = await runCli(['healthcheck', '--ready'], { env });
    expect(waiting.stderr).toContain(
      `Error: The operator at http://127.0.0.1:${healthPort}/readyz is not ready: http://127.0.0.1:`,
    );
    expect(waiting.exitCode).toBe(1);
    scene.beacon.fault = undefined;
    await operator.printed(/is syncing: block \d+ of \d+, 17 behind\. Waiting\./);
    delete rpc.faults.syncing;
    await operator.printed('Started operator service');
    await waitUntil('a probe that is ready', async () => (await readyz()).status === 200, {
      lastSeen: () => operator.output,
    });
    expect((await runCli(['healthcheck', '--ready'], { env })).exitCode).toBe(0);

    // Nothing answers any more: the pass under way cannot end, so the second signal ends it.
    rpc.faults.silent = true;
    const answered = rpc.bodies;
    await waitUntil('a request that gets no answer', () => rpc.bodies > answered, {
      lastSeen: () => operator.output,
    });
    operator.kill('SIGTERM');
    await operator.printed('Received SIGTERM');
    // Time in which the first signal alone must not end it.
    await new Promise(resolve => setTimeout(resolve, 300));
    expect(await operator.stop('SIGTERM')).toMatchObject({ exitCode: 143 });
  });
});

it('start has shown its result with --json as its schema says', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
