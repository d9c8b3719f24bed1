// The main containers of the v3-operator chart run `python src/main.py start …` with what its ConfigMap has: stakewise.md §6.3.
// They run as a pod's do: uid 1001 in the pod's group, secrets on read-only mounts, root's and open to that group.
// Its init containers, and those of the other charts, are in test/cli/charts.test.ts.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../devnet/listen.ts';
import { createTestDatabase } from '../../support/postgres/postgres.ts';
import { PROJECT_ROOT, runCli } from '../../support/programs/cli.ts';
import { requireOtherUsers } from '../../support/programs/namespaces.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import { give, inPod, mountPodSecret, type PodUser } from '../../support/programs/pod.ts';
import { spawnSignerProcess } from '../../support/programs/signer-process.ts';
import { OPERATOR_CONFIG_MAP } from '../../support/scenes/chart-lines.ts';
import {
  type OperatorScene,
  remoteDbArguments,
  startOperatorScene,
} from '../../support/scenes/operator-scene.ts';
import { startVaultServer } from '../../support/servers/hashi-vault-server.ts';

/** A pod's volume, and what runs beside it. */
interface Pod {
  /** `/data/<vault>`. */
  readonly own: string;
  /** Where its secrets are mounted. */
  readonly secrets: string[];
  /** What the chart has in its volume and beside it is released with the pod. */
  readonly stack: AsyncDisposableStack;
}

/** What a container of a rendered chart is started with. */
interface Container {
  /** Words behind `python src/main.py start`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it prints. */
  readonly says: readonly string[];
}

const SIGNER_KEYS = 4;
/** `runAsUser` and `fsGroup` of the chart. */
const USER: PodUser = { uid: 1001, fsGroup: 1001 };
let scene: OperatorScene;
beforeAll(async () => {
  requireOtherUsers();
  scene = await startOperatorScene({ validators: SIGNER_KEYS });
  chmodSync(scene.folder, 0o711);
  chmodSync(scene.networkFile, 0o644);
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Has the files of a folder come from a secret, at another place or where they were. */
function asSecret({ own, secrets }: Pod, folder: string, names: readonly string[], mount = folder): void {
  const files = Object.fromEntries(names.map(name => [name, readFileSync(join(own, folder, name), 'utf8')]));
  for (const name of names) rmSync(join(own, folder, name));
  rmSync(join(own, mount), { recursive: true, force: mount !== '.' });
  mountPodSecret(join(own, mount), USER, files);
  secrets.push(join(own, mount));
}

function keystoresAsSecret(pod: Pod): void {
  asSecret(pod, 'keystores', readdirSync(join(pod.own, 'keystores')));
}

/** The three secrets that the README of the chart has its users make. */
async function ownSecrets(pod: Pod): Promise<Container> {
  keystoresAsSecret(pod);
  asSecret(pod, '.', ['deposit_data.json'], 'deposit');
  const depositData = join(pod.own, 'deposit', 'deposit_data.json');
  return {
    env: { DEPOSIT_DATA_FILE: depositData },
    says: [`Found deposit data of ${SIGNER_KEYS} validators in ${depositData}`, `${SIGNER_KEYS} keys`],
  };
}

/** The current chart names a file that nothing writes where there is no secret of deposit data. */
async function noDepositSecret(pod: Pod): Promise<Container> {
  keystoresAsSecret(pod);
  const missing = join(pod.own, 'deposit', 'deposit_data.json');
  return {
    env: { DEPOSIT_DATA_FILE: missing },
    says: [
      `${SIGNER_KEYS} keys`,
      `WARNING  DEPOSIT_DATA_FILE names ${missing}, which does not exist: the deposit data is that of ${join(pod.own, 'deposit_data.json')}.`,
    ],
  };
}

/** `remoteDbConfig`: an init container writes what the operator reads, and the keys are in the signer. */
async function remoteDatabase({ own, stack }: Pod, depositData: string): Promise<Container> {
  const database = stack.use(await createTestDatabase());
  const key = ['--encrypt-key-file', join(own, 'encrypt-key')];
  for (const words of [['setup'], ['upload-keypairs', '--execution-endpoints', scene.devnet.rpcUrl]]) {
    const run = await runCli(remoteDbArguments(scene, database.url, [...words, ...key]));
    expect(run.stderr + run.exitCode).toMatch(/0$/);
  }
  rmSync(join(own, 'keystores'), { recursive: true });
  rmSync(join(own, 'deposit_data.json'));
  mkdirSync(join(own, 'keystores'));
  const init = await runCli(
    [
      'src/main.py',
      'remote-db',
      '--network',
      scene.networkFile,
      '--db-url',
      database.url,
      '--vault',
      scene.vault.toLowerCase(),
      'setup-operator',
    ],
    { program: 'bin/python', env: { PYTHONPATH: '.', DATA_DIR: join(own, '..') } },
  );
  expect(init.exitCode).toBe(0);
  const port = await freePort();
  const keys = ['--keystores-dir', join(scene.vaultDir, 'keystores'), '--network', scene.networkFile];
  stack.use(await spawnSignerProcess([...keys, '--listen', `127.0.0.1:${port}`]));
  const url = `http://127.0.0.1:${port}`;
  return {
    args: ['--remote-signer-url', url],
    env: { REMOTE_SIGNER_URL: url, DEPOSIT_DATA_FILE: join(own, depositData) },
    says: [`Using remote signer at ${url} for ${SIGNER_KEYS} public keys`],
  };
}

async function hashiVault({ own, stack }: Pod): Promise<Container> {
  rmSync(join(own, 'keystores'), { recursive: true });
  mkdirSync(join(own, 'keystores'));
  const pairs = scene.publicKeys.map((publicKey, i) => [
    publicKey,
    Buffer.from(scene.secretKeys[i] ?? []).toString('hex'),
  ]);
  const data = { data: Object.fromEntries(pairs), metadata: { version: 1 } };
  const server = stack.use(
    await startVaultServer({ 'secret/data/stakewise': [{ status: 200, body: { data } }] }),
  );
  const token = 't0ken-of-the-chart';
  return {
    args: [
      '--hashi-vault-url',
      server.url,
      '--hashi-vault-token',
      token,
      '--hashi-vault-key-path',
      'stakewise',
    ],
    env: { HASHICORP_VAULT_TOKEN: token, DEPOSIT_DATA_FILE: join(own, 'deposit_data.json') },
    says: [`Loading keys from HashiCorp Vault at ${server.url}`, `${SIGNER_KEYS} keys`],
  };
}

/** A value of `extraFlags`, and `SENTRY_DSN`, which the chart sets where its user names one. */
async function extraFlags(pod: Pod): Promise<Container> {
  writeFileSync(join(pod.own, 'unused'), '');
  return {
    args: [`--keystores-dir=${join(pod.own, 'keystores')}`, '--log-level=INFO'],
    env: {
      SENTRY_DSN: 'https://key@sentry.example/1',
      DEPOSIT_DATA_FILE: join(pod.own, 'deposit_data.json'),
    },
    says: ['Accepted and ignored: DISABLE_DEPOSIT_DATA_WARNINGS, SENTRY_DSN', `${SIGNER_KEYS} keys`],
  };
}

describe('the main container of the v3-operator chart', () => {
  it.each<[name: string, prepare: (pod: Pod) => Promise<Container>]>([
    ['keystores, deposit data and wallet in secrets', ownSecrets],
    ['no secret of deposit data', noDepositSecret],
    ['the remote database, chart 3.2.7', pod => remoteDatabase(pod, 'deposit_data.json')],
    ['the remote database, chart 3.5.0', pod => remoteDatabase(pod, 'deposit/deposit_data.json')],
    ['HashiCorp Vault', hashiVault],
    ['extra flags', extraFlags],
  ])(
    'start of the v3-operator chart runs as its pod does, without config.json, serves metrics at / and ends: %s',
    async (name, prepare) => {
      const dataDir = scene.writeDataDir(`chart ${name}`.replaceAll(/\W+/g, '-'));
      const own = join(dataDir, scene.vault.toLowerCase());
      rmSync(join(own, 'config.json'));
      await using stack = new AsyncDisposableStack();
      const pod: Pod = { own, secrets: [], stack };
      // `init-chown`, and what a kubelet mounts over it.
      give(dataDir, USER.uid, USER.uid);
      asSecret(pod, 'wallet', ['wallet.json', 'password.txt']);
      const { args = [], env, says } = await prepare(pod);
      const port = String(await freePort());
      const line = [join(PROJECT_ROOT, 'bin/python'), 'src/main.py', 'start', ...args];
      const [program, ...words] = inPod(USER, pod.secrets, line);
      await using operator = startOperatorProcess([], {
        program: `/usr/bin/${program}`,
        words,
        env: {
          ...OPERATOR_CONFIG_MAP,
          PYTHONPATH: '.',
          DATA_DIR: dataDir,
          DATABASE_DIR: dataDir,
          NETWORK: scene.networkFile,
          VAULT: scene.vault.toLowerCase(),
          EXECUTION_ENDPOINTS: scene.devnet.rpcUrl,
          CONSENSUS_ENDPOINTS: scene.beacon.url,
          METRICS_PORT: port,
          ...env,
        },
      });
      await operator.printed('Started operator service');
      for (const line of says) expect(operator.output).toContain(line);
      // Nobody can change the mode of a mounted secret.
      expect(operator.output).not.toContain('can be read by other users');
      // The ceiling was set.
      expect(operator.output).not.toContain('--max-fee-per-gas-gwei');
      const metrics = await (await fetch(`http://127.0.0.1:${port}/`)).text();
      expect(metrics).toContain('\nblock_number{network="devnet"} ');
      expect((await operator.stop()).exitCode).toBe(0);
    },
  );
});
