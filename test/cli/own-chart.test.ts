// What the chart deploy/helm/stakewise renders, which test/deploy/rendered holds ("npm run check:deploy" compares, with Helm):
// every container of the operator's image runs here with its own command line, environment and volumes, with the rights of the
// role that its database URL is meant for. No cluster: a kubelet's part is played by test/support/programs/rendered-pods.ts.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isScalar, parse, parseAllDocuments, visit } from 'yaml';
import { freePort } from '../devnet/listen.ts';
import {
  readLighthouseDefinitions,
  readProposerConfig,
  readSignerKeys,
} from '../support/checkers/validator-clients.ts';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { type CliRun, PROJECT_ROOT, runCli } from '../support/programs/cli.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import {
  type MountedPod,
  mountPod,
  readManifests,
  type Secrets,
  type Workload,
  workloadsOf,
} from '../support/programs/rendered-pods.ts';
import { spawnSignerProcess } from '../support/programs/signer-process.ts';
import { type DeployedVault, deployVault } from '../support/scenes/deployed-vault.ts';
import type { OperatorScene } from '../support/scenes/operator-scene.ts';
import { waitUntil } from '../support/wait-until.ts';

const RENDERED = join(PROJECT_ROOT, 'test/deploy/rendered');
const files = readdirSync(RENDERED).sort();
const isOurs = ({ image }: { image: string }) => image.includes('stakewise-operator');
const containersOf = ({ spec }: Workload) => [
  ...spec.template.spec.initContainers,
  ...spec.template.spec.containers,
];

/** How the status page at a place answers a browser that asks for it by a name. */
function statusOfPage(place: string, name: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  get(`http://${place}/`, { headers: { host: name } }, response => {
    response.resume();
    resolve(response.statusCode);
  }).once('error', reject);
  return promise;
}

describe('what the chart renders', () => {
  it.each(files)(
    'the pods of %s have no root, no token, no writable root and no secret that is written out',
    file => {
      const workloads = workloadsOf(readManifests(join(RENDERED, file)));
      expect(workloads.length).toBeGreaterThan(0);
      const variables = workloads.flatMap(containersOf).flatMap(({ env }) => env);
      for (const { name, value } of variables)
        if (/PASSWORD|SECRET|TOKEN|_URL$/.test(name) && !name.endsWith('_FILE'))
          expect(value ?? 'by reference', name).toMatch(/^(by reference|https?:\/\/[^@]*|jdbc:[^@]*)$/);
      for (const word of workloads
        .flatMap(containersOf)
        .flatMap(({ command, args }) => [...command, ...args]))
        expect(word).not.toMatch(/password|encrypt-key=|:\/\/[^/]*:[^/]*@/i);
    },
  );

  it.each(files)('no address or key of %s is read as a number, and keys lie in memory only', file => {
    const text = readFileSync(join(RENDERED, file), 'utf8');
    // By the rules of YAML 1.1, too, which some readers of manifests go by.
    for (const version of ['1.1', '1.2'] as const) {
      for (const document of parseAllDocuments(text, { version }))
        visit(document, {
          Scalar: (_key, node) => {
            if (isScalar(node) && typeof node.value === 'number')
              expect(Math.abs(node.value)).toBeLessThan(100_000);
          },
        });
    }
    for (const { spec } of workloadsOf(readManifests(join(RENDERED, file))))
      for (const volume of spec.template.spec.volumes)
        if (volume.name === 'keys') expect(volume.emptyDir).toMatchObject({ medium: 'Memory' });
  });

  it('Prometheus gets the chart’s parts under the jobs of the compose file, which the alert rules ask for', () => {
    const compose = parse(
      readFileSync(join(PROJECT_ROOT, 'deploy/compose/prometheus/prometheus.yml'), 'utf8'),
    ) as {
      scrape_configs: { job_name: string }[];
    };
    const jobs = readManifests(join(RENDERED, 'full.yaml'))
      .filter(({ kind }) => kind === 'ServiceMonitor')
      .map(
        ({ spec }) =>
          spec as { endpoints: { relabelings: { targetLabel: string; replacement: string }[] }[] },
      )
      .flatMap(({ endpoints }) => endpoints.flatMap(({ relabelings }) => relabelings))
      .map(({ targetLabel, replacement }) => {
        expect(targetLabel).toBe('job');
        return replacement;
      });
    expect(jobs).toContain('stakewise-operator');
    expect([...new Set(jobs)].toSorted()).toEqual(
      compose.scrape_configs.map(each => each.job_name).toSorted(),
    );
  });

  it('what is set for a vault of version 5 reaches the operator as it is written, and nothing else is set', async () => {
    const chosen = {
      '--validator-type': '0x02',
      '--max-validator-balance-gwei': '1900000000000',
      '--min-deposit-amount-gwei': '32000000000',
      '--remote-signer-exclusive': 'true',
      '--disable-validators-funding': 'true',
      '--disable-full-withdrawals': 'true',
      '--withdrawals-interval': '21600',
      '--max-withdrawal-request-fee-gwei': '100000',
      '--vault-min-balance-gwei': '5000000000',
    };
    const optionsOf = async (file: string) => {
      const [operator] = workloadsOf(readManifests(join(RENDERED, file))).filter(({ metadata }) =>
        metadata.name.endsWith('-operator'),
      );
      const [container] = operator?.spec.template.spec.containers ?? [];
      // Files of secrets, which are not here.
      const own = (container?.env ?? []).filter(({ name }) => !/_FILE$|^HOME$/.test(name));
      const env = Object.fromEntries(own.map(({ name, value }) => [name, value ?? '']));
      const shown = await runCli(['config', 'start', '--json'], { env });
      expect(shown.exitCode, shown.stderr).toBe(0);
      const { options } = JSON.parse(shown.stdout) as {
        options: { option: string; value?: string; source: string }[];
      };
      return Object.fromEntries(
        options
          .filter(({ source, option }) => source === 'environment' && option in chosen)
          .map(({ option, value }) => [option, value]),
      );
    };
    expect(await optionsOf('version-5.yaml')).toEqual(chosen);
    expect(await optionsOf('full.yaml')).toEqual({});
  });

  it('the status page is served only where it is asked for, to nobody but whom the values name', () => {
    const shown = (file: string) => {
      const manifests = readManifests(join(RENDERED, file));
      const [operator] = workloadsOf(manifests).filter(({ metadata }) => metadata.name.endsWith('-operator'));
      const [container] = operator?.spec.template.spec.containers ?? [];
      const variables = (container?.env ?? []).filter(({ name }) => name.startsWith('STATUS_'));
      const named = (kind: string, end: string) =>
        manifests.filter(one => one.kind === kind && (one.metadata as { name: string }).name.endsWith(end));
      const policies = JSON.stringify(named('NetworkPolicy', '-operator'));
      return {
        variables: Object.fromEntries(variables.map(({ name, value }) => [name, value])),
        isOpen: policies.includes('"port":"status"'),
        services: named('Service', '-status').length,
      };
    };
    expect(shown('minimal.yaml')).toEqual({ variables: {}, isOpen: false, services: 0 });
    expect(shown('version-5.yaml')).toEqual({
      variables: { STATUS_PORT: '9102', STATUS_HOST: '127.0.0.1' },
      isOpen: false,
      services: 0,
    });
    const service = 'vault-a-stakewise-operator-status';
    expect(shown('full.yaml')).toEqual({
      variables: {
        STATUS_PORT: '9200',
        STATUS_HOST: '0.0.0.0',
        STATUS_HOST_ALLOWLIST: `${service},${service}.staking,${service}.staking.svc,fleet.example.org`,
      },
      isOpen: true,
      services: 1,
    });
  });

  it('the only hook of the chart checks, and no command line of the chart moves a key', () => {
    for (const file of files) {
      const manifests = readManifests(join(RENDERED, file));
      const words = workloadsOf(manifests)
        .flatMap(containersOf)
        .flatMap(({ command, args }) => [...command, ...args]);
      expect(words.filter(word => /reassign|like-reference|force|migrate$/.test(word))).toEqual(
        words.includes('migrate') ? ['migrate'] : [],
      );
      for (const manifest of manifests) {
        const { annotations = {} } = manifest.metadata as { annotations?: Record<string, string> };
        if (annotations['helm.sh/hook'] === undefined) continue;
        const [job] = workloadsOf([manifest]);
        expect(job?.spec.template.spec.containers.map(({ args }) => args.slice(0, 3))).toEqual([
          ['remote-db', 'assign', '--check'],
        ]);
      }
    }
  });
});

describe('the containers of the chart', () => {
  const resources = new AsyncDisposableStack();
  let vault: DeployedVault;
  let scene: OperatorScene;
  let secrets: Secrets;
  let workloads: Map<string, Workload>;
  let keysDir: string;

  beforeAll(async () => {
    vault = resources.use(await deployVault({ validators: 6, clients: 4 }));
    scene = vault.scene;
    const { urls } = vault.database;
    secrets = {
      'stakewise-database': {
        'operator-url': urls.operator,
        'signer-sync-url': urls['signer-sync'],
        'validator-config-url': `${urls['validator-config']}\n`,
      },
      'stakewise-encryption-key': { key: vault.encryptionKey },
      'stakewise-wallet': { 'wallet.json': vault.walletJson, 'password.txt': vault.walletPassword },
      'slashing-db': { password: 'slashing-pa55word' },
    };
    workloads = new Map(
      workloadsOf(readManifests(join(RENDERED, 'full.yaml'))).map(workload => [
        workload.metadata.name.replace('vault-a-stakewise-', ''),
        workload,
      ]),
    );
  });
  afterAll(() => resources.disposeAsync());

  function mount(name: string, ordinal: number): MountedPod {
    const workload = workloads.get(name);
    if (workload === undefined) throw new Error(`full.yaml has no ${name}`);
    return mountPod(workload, { directory: scene.folder, ordinal, secrets });
  }

  /** What differs from the chart's values on the devnet. */
  const onDevnet = () => ({ ...vault.devnetEnv, TERMINATION_LOG: join(scene.folder, 'termination-log') });

  /** Runs the container of our image of a pod to its end. */
  async function run(pod: MountedPod): Promise<CliRun> {
    const [container, ...others] = containersOf(pod.workload).filter(isOurs);
    if (container === undefined || others.length > 0) throw new Error('not one container of our image');
    const { command, env } = pod.commandLine(container);
    const [program, ...args] = command;
    expect(program).toBe('operator');
    // Web3Signer knows no devnet.
    const more = args.includes('setup-web3signer') ? ['--web3signer-network=holesky'] : [];
    return runCli([...args, ...more], { env: { ...env, ...onDevnet() } });
  }

  it('the init container of Web3Signer writes keys that only its own uid can read, and a configuration for its container', async () => {
    const pod = mount('web3signer', 0);
    const done = await run(pod);
    expect(done.exitCode, done.stderr).toBe(0);
    keysDir = join(pod.volume('keys'), 'keystore');
    expect(readKeyDirectory(keysDir).publicKeys.size).toBeGreaterThanOrEqual(6);
    for (const name of readdirSync(keysDir)) expect(statSync(join(keysDir, name)).mode & 0o077, name).toBe(0);
    const config = readFileSync(join(pod.volume('keys'), 'web3signer.yaml'), 'utf8');
    for (const line of [
      'http-listen-host: "0.0.0.0"',
      'http-listen-port: 9000',
      'metrics-port: 9001',
      'eth2.slashing-protection-db-url: "jdbc:postgresql://slashing-db:5432/web3signer"',
    ])
      expect(config).toContain(line);
    expect(config).toMatch(/http-host-allowlist: "localhost,127.0.0.1,vault-a-stakewise-web3signer,/);
    expect(config).toMatch(/http-host-allowlist: .*,signer\.example\.org"/);
    // The container of Web3Signer reads both where the init container has written them.
    const [web3signer] = pod.workload.spec.template.spec.containers;
    if (web3signer === undefined) throw new Error('no container');
    const { command, env } = pod.commandLine(web3signer);
    expect(command[0]).toBe(`--config-file=${join(pod.volume('keys'), 'web3signer.yaml')}`);
    expect(env.WEB3SIGNER_ETH2_SLASHING_PROTECTION_DB_PASSWORD).toBe('slashing-pa55word');
    expect(config).toContain(`key-store-path: "${keysDir}"`);
  });

  it('the init containers of the validators give each client of three kinds its keys, and every key to one of them', async () => {
    const keys: string[] = [];
    for (const name of ['lighthouse', 'teku', 'prysm']) {
      const { replicas, ordinals } = workloads.get(name)?.spec ?? { replicas: 0, ordinals: { start: 0 } };
      for (let ordinal = ordinals.start; ordinal < ordinals.start + replicas; ordinal++) {
        const pod = mount(name, ordinal);
        const done = await run(pod);
        expect(done.exitCode, done.stderr).toBe(0);
        const [client] = pod.workload.spec.template.spec.containers;
        if (client === undefined) throw new Error('no container');
        // Paths of the client's own command line: its files are there.
        const words = pod.commandLine(client).command;
        const pathOf = (option: string) =>
          words.find(word => word.startsWith(option))?.slice(option.length) ?? '';
        if (name === 'lighthouse') {
          const definitions = join(pathOf('--datadir='), 'validators/validator_definitions.yml');
          const entries = readLighthouseDefinitions(readFileSync(definitions, 'utf8'));
          keys.push(...entries.map(({ publicKey }) => publicKey));
        } else {
          keys.push(...readSignerKeys(readFileSync(pathOf('--config-file='), 'utf8')));
          const settings = pathOf('--validators-proposer-config=') || pathOf('--proposer-settings-file=');
          expect(readProposerConfig(readFileSync(settings, 'utf8')).feeRecipient).toMatch(/^0x/);
          expect(words).toContain(
            '--validators-external-signer-url=http://vault-a-stakewise-web3signer:9000',
          );
        }
      }
    }
    expect(keys.toSorted()).toEqual(scene.publicKeys.toSorted());
  });

  it('the hook before an upgrade passes while the plan is for the chart’s total, and stops it with exit 3 when it is not', async () => {
    expect(await run(mount('check-plan', 0))).toMatchObject({ exitCode: 0 });
    const job = workloads.get('check-plan');
    if (job === undefined) throw new Error('no hook');
    const text = JSON.stringify(job).replace('--total-validators=4', '--total-validators=3');
    const changed = mountPod(JSON.parse(text) as Workload, { directory: scene.folder, ordinal: 1, secrets });
    const stopped = await run(changed);
    expect(stopped.exitCode).toBe(3);
    expect(stopped.stderr).toMatch(
      /would move to another client\.\n.*stop the clients that lose keys first, wait two epochs, then run/,
    );
    expect(await run(mount('check-plan', 2))).toMatchObject({ exitCode: 0 });
  });

  it('two pods of the operator become ready, one registers, and the other takes over when it ends', async () => {
    const port = await freePort();
    await using _signer = await spawnSignerProcess([
      '--network',
      scene.networkFile,
      '--keys-dir',
      keysDir,
      '--listen',
      `127.0.0.1:${port}`,
    ]);
    const start = async (ordinal: number) => {
      const pod = mount('operator', ordinal);
      const [container] = pod.workload.spec.template.spec.containers;
      if (container === undefined) throw new Error('no container');
      const { command, env } = pod.commandLine(container);
      expect(env.REMOTE_SIGNER_URL).toBe('http://vault-a-stakewise-web3signer:9000');
      const healthPort = await freePort();
      const statusPort = await freePort();
      const operator = startOperatorProcess(command.slice(2), {
        words: command.slice(1, 2),
        env: {
          ...env,
          ...onDevnet(),
          REMOTE_SIGNER_URL: `http://127.0.0.1:${port}`,
          METRICS_PORT: String(await freePort()),
          HEALTH_PORT: String(healthPort),
          STATUS_PORT: String(statusPort),
        },
      });
      const readiness = container.readinessProbe as { httpGet: { path: string; port: string } };
      expect(container.ports.map(({ name }) => name)).toContain(readiness.httpGet.port);
      const phase = async () => {
        const response = await fetch(`http://127.0.0.1:${healthPort}${readiness.httpGet.path}`).catch(
          () => undefined,
        );
        const report = (await response?.json()) as { phase: string } | undefined;
        return response?.status === 200 ? report?.phase : undefined;
      };
      return { operator, phase, statusPort };
    };
    const first = await start(0);
    await using one = first.operator;
    await waitUntil('the first pod to work', async () => (await first.phase()) === 'running', {
      lastSeen: () => first.operator.output,
    });
    // Browsers reach the page by the service, by the name of the values, or by kubectl port-forward.
    const page = `127.0.0.1:${first.statusPort}`;
    for (const host of ['vault-a-stakewise-operator-status.staking.svc', 'fleet.example.org', 'localhost'])
      expect(await statusOfPage(page, host), host).toBe(200);
    expect(await statusOfPage(page, 'elsewhere.example.org')).toBe(403);
    const second = await start(1);
    await using two = second.operator;
    await waitUntil('the second pod to stand by', async () => (await second.phase()) === 'standby', {
      lastSeen: () => second.operator.output,
    });
    await scene.devnet.depositEther(32);
    await one.printed('Successfully registered validators', 60_000);
    expect((await one.stop()).exitCode).toBe(0);
    await waitUntil('the second pod to work', async () => (await second.phase()) === 'running', {
      lastSeen: () => second.operator.output,
    });
    expect((await two.stop()).exitCode).toBe(0);
  });
});
