// The built image, run as its users run it: the lines of StakeWise's charts and of the manual, the health check, and a root file system
// that cannot be written to. Only the image stands between these and what test/cli and test/integration do in the clone.
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../devnet/listen.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { PROJECT_ROOT, temporaryDirectory } from '../support/programs/cli.ts';
import { type ImageContainer, openImage, operatorBelow } from '../support/programs/image.ts';
import { type OperatorProcess, startOperatorProcess } from '../support/programs/operator-process.ts';
import { give, makeEmptyDir } from '../support/programs/pod.ts';
import { runProcess } from '../support/programs/run-process.ts';
import {
  fillWithRecordedVault,
  recordedSecretKeys,
  writeKeystores,
} from '../support/recorded/recorded-vault.ts';
import { CHART_LINES, MADE_BEFORE, OPERATOR_CONFIG_MAP } from '../support/scenes/chart-lines.ts';
import { type OperatorScene, startOperatorScene } from '../support/scenes/operator-scene.ts';

let image: ImageContainer;
beforeAll(() => {
  image = openImage();
});
afterAll(() => image[Symbol.dispose]());

describe('python, as the charts and scripts call it', () => {
  it.each([['src/main.py'], ['./src/main.py'], ['/app/src/main.py']])(
    'python %s runs the program in the image, as a user without a name',
    async path => {
      const { version } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));
      const run = await image.runToEnd(['python', path, '--version'], { uid: 1001 });
      expect(run).toEqual({ stdout: `operator, version ${version}\n`, stderr: '', exitCode: 0 });
    },
  );

  it('the image has no root as its user, python as its entry point, and a health check without other programs', () => {
    expect(image.user).toBe('65534:65534');
    expect(image.entryPoint).toEqual(['python']);
    expect(image.healthCheck).toEqual(['CMD', 'operator', 'healthcheck']);
  });
});

describe('the init containers of the charts', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    using keystores = temporaryDirectory();
    writeKeystores(keystores.path, recordedSecretKeys(10));
    database = await createTestDatabase();
    await fillWithRecordedVault(database.url, keystores.path);
  });
  afterAll(() => database[Symbol.asyncDispose]());

  it.each(CHART_LINES)(
    'the chart’s line does its work in the image, and the pod’s user reads what it wrote: $name',
    async ({ pod, env, args, followedBy, read }) => {
      using volume = temporaryDirectory();
      chmodSync(volume.path, 0o755);
      const data = join(volume.path, 'data');
      makeEmptyDir(data, pod);
      for (const made of MADE_BEFORE) mkdirSync(join(data, made), { recursive: true });
      const line = ['python', 'src/main.py', 'remote-db', ...args(database.url)];
      const variables = { PYTHONPATH: '.', ...env };
      const volumes = { '/data': data };
      const run = await image.runToEnd(line, { uid: 0, env: variables, volumes });
      expect(run.exitCode, run.stderr).toBe(0);
      if (followedBy !== undefined) {
        const next = await image.runToEnd(['sh', '-c', followedBy], { uid: 0, volumes });
        expect(next.exitCode, next.stderr).toBe(0);
      }
      for (const path of read) {
        const reader = { uid: pod.uid, gid: pod.fsGroup, volumes };
        const reading = await image.runToEnd(['grep', '-rc', '', `/data/${path}`], reader);
        expect(reading.exitCode, reading.stderr).toBe(0);
        expect(reading.stdout).not.toBe('');
      }
    },
  );
});

describe('start in the image', () => {
  let scene: OperatorScene;
  beforeAll(async () => {
    scene = await startOperatorScene({ validators: 2 });
    chmodSync(scene.folder, 0o711);
    chmodSync(scene.networkFile, 0o644);
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  /** Starts a container's command line. Whoever runs it hands no signals on, so it is ended by itself. */
  function startContainer([program, ...words]: readonly string[]): OperatorProcess {
    return startOperatorProcess([], { program: `/usr/bin/${program}`, words });
  }

  async function stop(operator: OperatorProcess): Promise<number | null> {
    process.kill(operatorBelow(operator.pid) ?? Number.NaN, 'SIGTERM');
    return operator.ended;
  }

  function volumesOf(dataDir: string) {
    return { '/data': dataDir, [scene.networkFile]: scene.networkFile };
  }

  it('the main container of the v3-operator chart starts as uid 1001, is healthy, and ends', async () => {
    const dataDir = scene.writeDataDir('chart');
    rmSync(join(dataDir, scene.vault.toLowerCase(), 'config.json'));
    give(dataDir, 1001, 1001);
    const port = String(await freePort());
    const healthPort = String(await freePort());
    const env = {
      ...OPERATOR_CONFIG_MAP,
      PYTHONPATH: '.',
      DATA_DIR: '/data',
      DATABASE_DIR: '/data',
      NETWORK: scene.networkFile,
      VAULT: scene.vault.toLowerCase(),
      EXECUTION_ENDPOINTS: scene.devnet.rpcUrl,
      CONSENSUS_ENDPOINTS: scene.beacon.url,
      METRICS_PORT: port,
      HEALTH_PORT: healthPort,
    };
    const check = () => image.runToEnd(image.healthCheck.slice(1), { uid: 1001, env });
    expect((await check()).exitCode).toBe(1);
    await using operator = startContainer(
      image.run(['python', 'src/main.py', 'start'], { uid: 1001, env, volumes: volumesOf(dataDir) }),
    );
    await operator.printed('Started operator service');
    expect(await check()).toMatchObject({ exitCode: 0, stderr: '' });
    const metrics = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    expect(metrics).toContain('\nblock_number{network="devnet"} ');
    expect(await stop(operator)).toBe(0);
  });

  it('the manual’s docker run line starts as the user that owns the files, and names --user to the image’s own', async () => {
    const dataDir = scene.writeDataDir('manual');
    give(dataDir, 1000, 1000);
    const line = [
      ...image.entryPoint,
      'src/main.py',
      'start',
      '--vault',
      scene.vault,
      '--data-dir=/data',
      '--consensus-endpoints',
      scene.beacon.url,
      '--execution-endpoints',
      scene.devnet.rpcUrl,
    ];
    const volumes = volumesOf(dataDir);
    const env = { HEALTH_PORT: '' };
    const refused = await image.runToEnd(line, { volumes, env });
    expect(refused.stderr).toContain('--user 1000:1000');
    expect(refused.exitCode).toBe(1);
    await using operator = startContainer(image.run(line, { uid: 1000, volumes, env }));
    await operator.printed('Started operator service');
    expect(await stop(operator)).toBe(0);
  });

  it('start runs on a root file system that cannot be written to, with a /tmp of its own', async () => {
    const dataDir = scene.writeDataDir('read-only');
    give(dataDir, 1001, 1001);
    const options = {
      uid: 1001,
      volumes: { '/data': dataDir, [scene.folder]: scene.folder },
      env: { HEALTH_PORT: '' },
    };
    const written = await runProcess(
      image.runReadOnly(['sh', '-c', 'touch /tmp/a && ! touch /app/a'], options),
    );
    expect(written.exitCode).toBe(0);
    expect(written.stderr).toMatch(/Read-only file system|Permission denied/);
    await using operator = startContainer(
      image.runReadOnly(
        [
          'python',
          '/app/src/main.py',
          'start',
          '--vault',
          scene.vault,
          '--data-dir=/data',
          '--consensus-endpoints',
          scene.beacon.url,
          '--execution-endpoints',
          scene.devnet.rpcUrl,
        ],
        options,
      ),
    );
    await operator.printed('Started operator service');
    expect(await stop(operator)).toBe(0);
  });
});
