// The Helm charts' init containers run `python src/main.py …` as root; Web3Signer (uid 1000), the validator clients and
// the operator (uid 1001) read the files: stakewise.md §6.
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRemoteSignerFile } from '../support/checkers/operator-files.ts';
import { readLighthouseDefinitions, readSignerKeys } from '../support/checkers/validator-clients.ts';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../support/postgres/database-template.ts';
import type { TestDatabase } from '../support/postgres/postgres.ts';
import { type CliOptions, PROJECT_ROOT, runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { requireOtherUsers } from '../support/programs/namespaces.ts';
import { inPod, makeEmptyDir, mountPodSecret } from '../support/programs/pod.ts';
import { canRead } from '../support/programs/read-as.ts';
import { runProcess } from '../support/programs/run-process.ts';
import {
  fillWithRecordedVault,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedSecretKeys,
  writeKeystores,
} from '../support/recorded/recorded-vault.ts';
import { CHART_LINES, CLIENT_POD, MADE_BEFORE } from '../support/scenes/chart-lines.ts';

const VAULT = RECORDED_VAULT.toLowerCase();
const FEE_RECIPIENT = '0x48319f97e5da1233c21c48b80097c0fb7a20ff86';
const WEB3SIGNER = { uid: 1000, gid: 1000 };
const OPERATOR = { uid: 1001, gid: 1001 };
const STRANGER = { uid: 4321, gid: 4321 };
const OF_GROUP = { uid: 4321, gid: 1000 };
// Only root can give files away; others prove the same with their own numbers.
const OWNER =
  process.getuid?.() === 0 ? WEB3SIGNER : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

let template: DatabaseTemplate;
let database: TestDatabase;
beforeAll(async () => {
  using keystores = temporaryDirectory();
  writeKeystores(keystores.path, recordedSecretKeys(10));
  template = await createDatabaseTemplate(url => fillWithRecordedVault(url, keystores.path));
  database = await template.clone();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await template[Symbol.asyncDispose]();
});

/** A volume mounted at /data, that every user may enter. */
function mountVolume() {
  const volume = temporaryDirectory();
  chmodSync(volume.path, 0o755);
  return volume;
}

/** `python src/main.py remote-db …`, as a chart has it. */
function runPython(args: readonly string[], options: CliOptions = {}) {
  return runCli(['src/main.py', 'remote-db', ...args], {
    ...options,
    program: 'bin/python',
    env: { PYTHONPATH: '.', ...options.env },
  });
}

/** The command line of the web3signer chart's `fetch-keys`. */
function fetchKeys(outputDir: string, ...more: string[]): string[] {
  return [
    '--network',
    'holesky',
    '--db-url',
    database.url,
    '--vault',
    VAULT,
    'setup-web3signer',
    '--encrypt-key',
    RECORDED_ENCRYPT_KEY,
    '--output-dir',
    outputDir,
    ...more,
  ];
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const filesIn = (directory: string) => readdirSync(directory).map(name => join(directory, name));

function expectReadable(
  directory: string,
  below: string,
  readers: readonly (typeof WEB3SIGNER)[],
  is: boolean,
) {
  const files = filesIn(directory);
  expect(files.length).toBeGreaterThan(0);
  // Who runs the tests may be one of the charts' users, and reads what is his own.
  for (const reader of readers.filter(({ uid }) => is || uid !== process.getuid?.())) {
    // One of many says as much as all: they are written alike.
    expect(canRead(files[0] ?? '', reader, below), `${files[0]} for uid ${reader.uid}`).toBe(is);
  }
}

describe('the web3signer chart', () => {
  it('setup-web3signer of the web3signer chart writes keys that uid 1000 can read into a present directory', async () => {
    using volume = mountVolume();
    const directory = join(volume.path, 'keystore');
    mkdirSync(directory, { mode: 0o755 });
    const run = await runPython(fetchKeys(directory));
    expect(run.stdout).toContain('Successfully retrieved web3signer private keys from the database.\n');
    expect(run.stderr).toContain('files are written 0644');
    expect(run.exitCode).toBe(0);
    for (const path of filesIn(directory)) expect(modeOf(path), path).toBe('644');
    expect(modeOf(directory)).toBe('755');
    expectReadable(directory, volume.path, [WEB3SIGNER, OPERATOR, STRANGER], true);
    expect(readKeyDirectory(directory).publicKeys.size).toBe(50);
  });

  it('setup-web3signer of the web3signer chart makes a missing directory of keys with mode 0755', async () => {
    using volume = mountVolume();
    const directory = join(volume.path, 'deep/keystore');
    expect((await runPython(fetchKeys(directory))).exitCode).toBe(0);
    for (const path of [join(volume.path, 'deep'), directory]) expect(modeOf(path)).toBe('755');
    expectReadable(directory, volume.path, [WEB3SIGNER, STRANGER], true);
  });

  it('setup-web3signer without the Python shim writes keys that only their owner can read', async () => {
    using volume = mountVolume();
    const directory = join(volume.path, 'keystore');
    expect((await runCli(['remote-db', ...fetchKeys(directory)])).exitCode).toBe(0);
    for (const path of filesIn(directory)) expect(modeOf(path), path).toBe('600');
    expect(modeOf(directory)).toBe('700');
    expectReadable(directory, volume.path, [WEB3SIGNER, STRANGER], false);
  });

  it.each([
    ['--owner', (owner: string) => ({ flags: ['--owner', owner], env: {} })],
    ['REMOTE_DB_FILE_OWNER', (owner: string) => ({ flags: [], env: { REMOTE_DB_FILE_OWNER: owner } })],
  ])(
    '%s gives the keys of setup-web3signer to Web3Signer’s user and keeps them from all others',
    async (_name, give) => {
      using volume = mountVolume();
      const directory = join(volume.path, 'keystore');
      const { flags, env } = give(`${OWNER.uid}:${OWNER.gid}`);
      const run = await runCli(['remote-db', ...fetchKeys(directory, ...flags)], { env });
      expect(run.exitCode).toBe(0);
      for (const path of [directory, ...filesIn(directory)]) {
        const { uid, gid } = statSync(path);
        expect({ uid, gid }, path).toEqual(OWNER);
      }
      expectReadable(directory, volume.path, [OWNER], true);
      expectReadable(directory, volume.path, [OPERATOR, STRANGER], false);
    },
  );

  it.each([
    ['through the shim', runPython],
    [
      'without it',
      (args: readonly string[], options?: CliOptions) => runCli(['remote-db', ...args], options),
    ],
  ])(
    'setup-web3signer --file-mode 0640 lets a group read the keys, with the Python shim or not: %s',
    async (_name, run) => {
      using volume = mountVolume();
      const directory = join(volume.path, 'keystore');
      const owner = `${process.getuid?.()}:${OWNER.gid}`;
      expect((await run(fetchKeys(directory, '--file-mode', '0640', '--owner', owner))).exitCode).toBe(0);
      for (const path of filesIn(directory)) expect(modeOf(path), path).toBe('640');
      expect(modeOf(directory)).toBe('750');
      expectReadable(directory, volume.path, [{ ...OF_GROUP, gid: OWNER.gid }], true);
      expectReadable(directory, volume.path, [STRANGER], false);
    },
  );

  it('setup-web3signer through the Python shim mends the modes of files whose content is right already', async () => {
    using volume = mountVolume();
    const directory = join(volume.path, 'keystore');
    mkdirSync(directory, { mode: 0o755 });
    expect((await runCli(['remote-db', ...fetchKeys(directory)])).exitCode).toBe(0);
    expectReadable(directory, volume.path, [WEB3SIGNER], false);
    expect((await runPython(fetchKeys(directory))).exitCode).toBe(0);
    expectReadable(directory, volume.path, [WEB3SIGNER], true);
  });
});

describe('the web3signer-validators chart', () => {
  it.each([0, 2])(
    'setup-validator of the web3signer-validators chart writes files of StatefulSet %i that uid 1001 can read',
    async index => {
      using volume = mountVolume();
      const run = await runPython([
        '--network',
        'holesky',
        '--vault',
        VAULT,
        '--db-url',
        database.url,
        'setup-validator',
        '--web3signer-endpoint',
        'http://web3signer:6174',
        '--output-dir',
        volume.path,
        '--total-validators',
        '3',
        '--validator-index',
        String(index),
        '--fee-recipient',
        FEE_RECIPIENT,
        '--disable-proposal-builder',
      ]);
      expect(run.exitCode).toBe(0);
      for (const path of filesIn(volume.path)) expect(modeOf(path), path).toBe('644');
      expectReadable(volume.path, volume.path, [OPERATOR, STRANGER], true);
      // `cat /data/signer_keys.yml > /data/config` and the copy for Lighthouse.
      const keys = readSignerKeys(readFileSync(join(volume.path, 'signer_keys.yml'), 'utf8'));
      const definitions = readLighthouseDefinitions(
        readFileSync(join(volume.path, 'validator_definitions.yml'), 'utf8'),
      );
      expect(keys).toHaveLength(index === 0 ? 4 : 3);
      expect(definitions.map(each => each.publicKey)).toEqual(keys);
    },
  );
});

describe('the v3-operator chart', () => {
  it('setup-operator of the v3-operator chart writes into $DATA_DIR/<vault> files that uid 1001 can read', async () => {
    using volume = mountVolume();
    // What `init-chown` leaves.
    mkdirSync(join(volume.path, VAULT, 'keystores'), { recursive: true });
    const env = {
      DATA_DIR: volume.path,
      DATABASE_DIR: volume.path,
      NETWORK: 'holesky',
      VAULT,
      VERBOSE: 'False',
      HARVEST_VAULT: 'False',
      ENABLE_METRICS: 'true',
      METRICS_HOST: '0.0.0.0',
      METRICS_PORT: '9100',
      MAX_FEE_PER_GAS_GWEI: '70',
      DISABLE_DEPOSIT_DATA_WARNINGS: 'False',
      DEPOSIT_DATA_FILE: join(volume.path, VAULT, 'deposit_data.json'),
    };
    const group = ['--network', 'holesky', '--db-url', database.url, '--vault', VAULT];
    const run = await runPython([...group, 'setup-operator'], { env });
    expect(run.exitCode).toBe(0);
    const vaultDir = join(volume.path, VAULT);
    expect(run.stdout).toContain(`saved to ${vaultDir}/remote_signer_config.json file.\n`);
    for (const name of ['remote_signer_config.json', 'deposit_data.json']) {
      expect(modeOf(join(vaultDir, name))).toBe('644');
      expect(canRead(join(vaultDir, name), OPERATOR, volume.path)).toBe(true);
    }
    const config = readFileSync(join(vaultDir, 'remote_signer_config.json'), 'utf8');
    expect(readRemoteSignerFile(config).shares.size).toBe(10);
  });

  it('setup-operator takes vault, network and database URL from the environment alone', async () => {
    using volume = mountVolume();
    const env = { DATA_DIR: volume.path, NETWORK: 'holesky', VAULT, REMOTE_DB_URL: database.url };
    const run = await runPython(['setup-operator'], { env });
    expect(run.stdout).toContain(`saved to ${volume.path}/${VAULT}/deposit_data.json file.\n`);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).not.toContain('on the command line');
  });

  it('setup-operator runs as a uid without a name, home and shell, as in a container', async () => {
    using volume = mountVolume();
    const preload = join(import.meta.dirname, '../support/programs/nameless-user.mjs');
    const run = await runCli(
      [
        '-u',
        'HOME',
        '-u',
        'SHELL',
        join(PROJECT_ROOT, 'bin/python'),
        'src/main.py',
        'remote-db',
        '--db-url',
        database.url,
        '--vault',
        VAULT,
        '--network',
        'holesky',
        'setup-operator',
      ],
      {
        program: relative(PROJECT_ROOT, '/usr/bin/env'),
        env: { DATA_DIR: volume.path, NODE_OPTIONS: `--import=${preload}` },
      },
    );
    expect(run.stderr).not.toContain('bug');
    expect(run.exitCode).toBe(0);
  });

  it('setup-operator refuses a VERBOSE that is no boolean with a usage error that names the variable', async () => {
    const env = { NETWORK: 'holesky', VAULT, REMOTE_DB_URL: database.url, VERBOSE: 'maybe' };
    const run = await runPython(['setup-operator'], { env });
    expect(run.stderr).toContain("Error: Invalid value for 'VERBOSE': 'maybe' is not a valid boolean.\n");
    expect(run.exitCode).toBe(2);
  });
});

describe('every init container of the charts, on the volume that a kubelet makes', () => {
  beforeAll(requireOtherUsers);

  it.each(CHART_LINES)(
    'the line of the chart does its work, again as well, and the pod’s user reads what it wrote: $name',
    async ({ pod, env, args, followedBy, read }) => {
      using volume = mountVolume();
      makeEmptyDir(volume.path, pod);
      // `init` and `init-chown` make these before.
      for (const made of MADE_BEFORE) mkdirSync(join(volume.path, made), { recursive: true });
      const root = { uid: 0, fsGroup: pod.fsGroup };
      const inVolume = (words: readonly string[]) => words.map(word => word.replaceAll('/data', volume.path));
      const variables = Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`);
      const line = [
        'env',
        'PYTHONPATH=.',
        ...variables,
        join(PROJECT_ROOT, 'bin/python'),
        'src/main.py',
        'remote-db',
        ...args(database.url),
      ];
      for (const again of [false, true]) {
        const run = await runProcess(inPod(root, [], inVolume(line)));
        expect(run.exitCode, `${again}: ${run.stderr}`).toBe(0);
        if (followedBy === undefined) continue;
        const prepared = await runProcess(inPod(root, [], inVolume(['sh', '-c', followedBy])));
        expect(prepared, prepared.stderr).toMatchObject({ exitCode: 0 });
      }
      for (const path of read) {
        const reading = await runProcess(inPod(pod, [], ['grep', '-rc', '', join(volume.path, path)]));
        expect(reading, reading.stderr).toMatchObject({ exitCode: 0, stderr: '' });
        expect(reading.stdout).not.toBe('');
      }
      if (env?.REMOTE_DB_FILE_MODE === undefined) return;
      // Closed to others, and the group is enough.
      const stranger = { uid: STRANGER.uid, fsGroup: STRANGER.gid };
      const [file = ''] = filesIn(join(volume.path, 'keystore')).filter(each => each.endsWith('.yaml'));
      expect((await runProcess(inPod(stranger, [], ['cat', file]))).exitCode).toBe(1);
    },
  );

  it('a secret that a kubelet has mounted for the pod’s group is read without a warning, and warned of where it can be changed', async () => {
    using volume = mountVolume();
    const secret = join(volume.path, 'secret');
    mountPodSecret(secret, CLIENT_POD, { 'db-url': database.url });
    makeEmptyDir(join(volume.path, 'data'), CLIENT_POD);
    const line = [
      join(PROJECT_ROOT, 'operator'),
      'remote-db',
      '--network',
      'holesky',
      '--vault',
      VAULT,
      '--db-url-file',
      join(secret, 'db-url'),
      'setup-operator',
      '--data-dir',
      join(volume.path, 'data'),
    ];
    const mounted = await runProcess(inPod(CLIENT_POD, [secret], line));
    expect(mounted.stderr).not.toContain('can be read by other users');
    expect(mounted.exitCode).toBe(0);
    // The same files, where nothing keeps the group from changing them.
    const writable = await runProcess(inPod(CLIENT_POD, [], line));
    expect(writable.stderr).toContain('db-url can be read by other users (mode 0640)');
  });
});

describe('.env as the manual loads it', () => {
  it.each(['sh', 'bash'])(
    "setup-web3signer and setup-operator run with .env loaded by export $(grep -v '^#' .env | xargs) in %s",
    async shell => {
      using volume = mountVolume();
      const values: Record<string, string> = {
        NETWORK: 'holesky',
        VAULT,
        DATA_DIR: volume.path,
        REMOTE_DB_URL: database.url,
        REMOTE_DB_ENCRYPT_KEY: RECORDED_ENCRYPT_KEY,
      };
      const example = readFileSync(join(PROJECT_ROOT, '.env.example'), 'utf8');
      const filled = example.replace(/^(\w+)=.*$/gm, (line, name: string) =>
        values[name] === undefined ? line : `${name}=${values[name]}`,
      );
      writeFileSync(join(volume.path, '.env'), filled, { mode: 0o600 });
      const script = join(volume.path, 'run');
      writeFileSync(
        script,
        `#!/usr/bin/env ${shell}\nset -e\ncd ${volume.path}\nexport $(grep -v '^#' .env | xargs)\n` +
          `${PROJECT_ROOT}/v3-operator remote-db setup-web3signer --output-dir=./web3signer\n` +
          `exec ${PROJECT_ROOT}/v3-operator remote-db setup-operator\n`,
        { mode: 0o755 },
      );
      const run = await runCli([], { program: relative(PROJECT_ROOT, script) });
      expect(run.stdout).toContain('Saving 50 private keys to web3signer...\n');
      expect(run.stdout).toContain(`saved to ${volume.path}/${VAULT}/deposit_data.json file.\n`);
      expect(run.exitCode).toBe(0);
    },
  );
});
