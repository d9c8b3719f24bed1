// Every container of the operator's image that the chart deploy/helm/stakewise renders, in the built image: with its command line,
// environment, mounts and uid, by "buildah run" and on a root file system that cannot be written to. What it writes is looked at in
// test/cli/own-chart.test.ts, where the same lines run in the clone.
import { chmodSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../devnet/listen.ts';
import { type CliRun, PROJECT_ROOT } from '../support/programs/cli.ts';
import { type ImageContainer, openImage, operatorBelow } from '../support/programs/image.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { give, makeEmptyDir } from '../support/programs/pod.ts';
import {
  type Container,
  type MountedPod,
  mountPod,
  readManifests,
  type Secrets,
  type Workload,
  workloadsOf,
} from '../support/programs/rendered-pods.ts';
import { runProcess } from '../support/programs/run-process.ts';
import { spawnSignerProcess } from '../support/programs/signer-process.ts';
import { type DeployedVault, deployVault } from '../support/scenes/deployed-vault.ts';
import { waitUntil } from '../support/wait-until.ts';

const RENDERED = join(PROJECT_ROOT, 'test/deploy/rendered');
/** Files of test/deploy/rendered, with a vault that is as their values want it. */
const DEPLOYMENTS = [
  { files: ['full.yaml', 'minimal.yaml', 'signer-only.yaml'], clients: 4 },
  { files: ['split.yaml'], clients: 5, isPlanSigned: true },
  { files: ['version-5.yaml'], clients: 1, vaultVersion: 5 },
] as const;
/** Where the devnet's network file is in a container. */
const NETWORK_FILE = '/network.json';
/** What a kubelet gives: nobody in the pod can write a secret, and its group reads it. */
const SECRET_MODE = 0o440;

interface Rendered {
  readonly file: string;
  readonly workload: Workload;
  readonly container: Container;
  /** Which pod of the workload. */
  readonly ordinal: number;
}

/** The containers of our image in a file, once for each pod of a StatefulSet. */
function containersIn(file: string): Rendered[] {
  return workloadsOf(readManifests(join(RENDERED, file))).flatMap(workload => {
    const { replicas, ordinals, template } = workload.spec;
    const pods = workload.kind === 'StatefulSet' ? replicas : 1;
    return [...template.spec.initContainers, ...template.spec.containers]
      .filter(({ image }) => image.includes('stakewise-operator'))
      .flatMap(container =>
        Array.from({ length: pods }, (_, i) => ({ file, workload, container, ordinal: ordinals.start + i })),
      );
  });
}

const isOperator = ({ container }: Rendered) => container.args[0] === 'start';
const named = (rendered: Rendered) => ({
  ...rendered,
  name: `${rendered.file}: ${rendered.workload.metadata.name} ${rendered.ordinal}, ${rendered.container.name}`,
});

it('every rendered file is run in the image', () => {
  expect(DEPLOYMENTS.flatMap(({ files }) => [...files]).toSorted()).toEqual(readdirSync(RENDERED).sort());
});

describe.each(DEPLOYMENTS)('the containers of $files in the image', ({ files, ...deployed }) => {
  const all = files.flatMap(containersIn).map(named);
  const resources = new AsyncDisposableStack();
  let image: ImageContainer;
  let vault: DeployedVault;
  let secrets: Secrets;
  let mounts = 0;

  beforeAll(async () => {
    image = resources.use(openImage());
    vault = resources.use(await deployVault({ validators: 4, ...deployed }));
    chmodSync(vault.scene.networkFile, 0o644);
    const { urls } = vault.database;
    const { devnet, beacon } = vault.scene;
    secrets = {
      'stakewise-database': {
        url: urls.operator,
        'operator-url': urls.operator,
        'signer-sync-url': urls['signer-sync'],
        'validator-config-url': urls['validator-config'],
      },
      'stakewise-encryption-key': { key: vault.encryptionKey },
      'stakewise-wallet': { 'wallet.json': vault.walletJson, 'password.txt': vault.walletPassword },
      'slashing-db': { password: 'slashing-pa55word' },
      endpoints: { execution: devnet.rpcUrl, consensus: beacon.url },
    };
  });
  afterAll(() => resources.disposeAsync());

  /** A pod with volumes of its own, which are empty, as a kubelet hands them to the pod's user. */
  function mount({ workload, ordinal }: Rendered): MountedPod {
    const directory = join(vault.scene.folder, `pod-${mounts++}`);
    // Where values name one secret for all roles, each container still has the rights of its own.
    const role = { operator: 'operator', web3signer: 'signer-sync' } as const;
    const part = workload.metadata.name.split('-').at(-1) ?? '';
    const url = vault.database.urls[role[part as keyof typeof role] ?? 'validator-config'];
    const own = { ...secrets, 'stakewise-database': { ...secrets['stakewise-database'], url } };
    const pod = mountPod(workload, { directory, ordinal, secrets: own });
    const { fsGroup, runAsUser } = workload.spec.template.spec.securityContext;
    for (const { name, secret } of workload.spec.template.spec.volumes) {
      if (secret === undefined) makeEmptyDir(pod.volume(name), { uid: runAsUser, fsGroup });
      else giveSecret(pod.volume(name), fsGroup);
    }
    for (const { metadata } of workload.spec.volumeClaimTemplates)
      makeEmptyDir(pod.volume(metadata.name), { uid: runAsUser, fsGroup });
    return pod;
  }

  function giveSecret(directory: string, group: number): void {
    give(directory, 0, group);
    for (const name of readdirSync(directory, { recursive: true }).map(String)) {
      const path = join(directory, name);
      if (lstatSync(path).isFile()) chmodSync(path, SECRET_MODE);
    }
  }

  /** A container's command, and all that it is run with in the image. */
  function lineOf({ workload, container }: Rendered, pod: MountedPod, env: Record<string, string> = {}) {
    const { command, env: own } = pod.rendered(container);
    const { runAsUser, runAsGroup } = workload.spec.template.spec.securityContext;
    const places = (isReadOnly: boolean) =>
      Object.fromEntries(
        container.volumeMounts
          .filter(({ readOnly = false }) => readOnly === isReadOnly)
          .map(({ name, mountPath }) => [mountPath, pod.volume(name)]),
      );
    // Web3Signer knows no devnet.
    const isSync = command.includes('setup-web3signer');
    const isTold = command.some(word => word.startsWith('--web3signer-network='));
    return {
      command: isSync && !isTold ? [...command, '--web3signer-network=holesky'] : command,
      options: {
        uid: runAsUser,
        gid: runAsGroup,
        env: { ...own, ...onDevnet(own), ...env },
        volumes: places(false),
        readOnlyVolumes: { ...places(true), [NETWORK_FILE]: vault.scene.networkFile },
      },
    };
  }

  /** What takes the place of the values' own: nodes and vault, the key of its facts, the schema of its tables. */
  function onDevnet(own: Readonly<Record<string, string>>): Record<string, string> {
    const replaced: Record<string, string> = { ...vault.devnetEnv, NETWORK: NETWORK_FILE };
    if (own.VAULT_PUBLIC_KEY !== undefined) replaced.VAULT_PUBLIC_KEY = vault.vaultPublicKey;
    if (own.REMOTE_DB_SCHEMA !== undefined) replaced.REMOTE_DB_SCHEMA = '';
    return replaced;
  }

  /** Runs a container to its end on a root file system that cannot be written to, with nothing left of the run before. */
  async function runReadOnly(rendered: Rendered, pod: MountedPod): Promise<CliRun> {
    const { command, options } = lineOf(rendered, pod);
    return runProcess(image.runReadOnly(command, options));
  }

  it.each(all.filter(rendered => !isOperator(rendered)))(
    'the line runs to its end, and the pod’s own user reads what it wrote: $name',
    async rendered => {
      const pod = mount(rendered);
      const { command, options } = lineOf(rendered, pod);
      const run = await image.runToEnd(command, options);
      expect(run.exitCode, run.stderr).toBe(0);
      const again = mount(rendered);
      const onReadOnlyRoot = await runReadOnly(rendered, again);
      expect(onReadOnlyRoot.exitCode, onReadOnlyRoot.stderr).toBe(0);
      for (const { name, mountPath } of rendered.container.volumeMounts.filter(one => !one.readOnly)) {
        const listed = (directory: string) => readdirSync(directory, { recursive: true }).map(String).sort();
        expect(listed(again.volume(name)), mountPath).toEqual(listed(pod.volume(name)));
        if (name === 'tmp') expect(listed(pod.volume(name))).toEqual([]);
        else {
          const reading = await image.runToEnd(['grep', '-rc', '', mountPath], options);
          expect(reading.exitCode, reading.stderr).toBe(0);
          expect(reading.stdout).toContain(`${mountPath}/`);
        }
      }
    },
  );

  it.each(all.filter(isOperator))(
    'the operator works until SIGTERM, by "buildah run" and on a read-only root: $name',
    async rendered => {
      const keysDir = await writeKeys();
      const listen = `127.0.0.1:${await freePort()}`;
      const { networkFile, vault: address } = vault.scene;
      const signing = ['--network', networkFile, '--keys-dir', keysDir, '--listen', listen];
      await using _signer = await spawnSignerProcess([...signing, '--vault', address, '--sign-deposits']);
      for (const run of [image.run, image.runReadOnly]) {
        const healthPort = String(await freePort());
        const { command, options } = lineOf(rendered, mount(rendered), {
          REMOTE_SIGNER_URL: `http://${listen}`,
          METRICS_PORT: String(await freePort()),
          HEALTH_PORT: healthPort,
        });
        const [program, ...words] = run(command, options);
        await using operator = startOperatorProcess([], { program: `/usr/bin/${program}`, words });
        await operator.printed('Started operator service');
        await waitUntil(
          'the operator to be ready',
          async () => (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).ok,
          { lastSeen: () => operator.output },
        );
        if ('vaultVersion' in deployed)
          expect(operator.output).toContain('Validators of type 0x02 are registered');
        process.kill(operatorBelow(operator.pid) ?? Number.NaN, 'SIGTERM');
        expect(await operator.ended).toBe(0);
      }
    },
  );

  /** The keys that the chart's own key sync writes, for a signer in the place of Web3Signer. */
  async function writeKeys(): Promise<string> {
    const [sync] = containersIn('full.yaml').filter(({ container }) => container.name === 'sync-keys');
    if (sync === undefined) throw new Error('full.yaml has no key sync');
    const pod = mount(sync);
    const done = await runReadOnly(sync, pod);
    if (done.exitCode !== 0) throw new Error(done.stderr);
    const directory = join(pod.volume('keys'), 'keystore');
    expect(readFileSync(join(pod.volume('keys'), 'web3signer.yaml'), 'utf8')).toContain('/keys/keystore');
    return directory;
  }
});
