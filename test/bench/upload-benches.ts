// What upload-keypairs takes as a whole process, of keystores whose key derivation costs nothing.

import { createWorkerPool } from '../../src/workers/pool.ts';
import { checkByVerify, countSecrets } from '../support/scenes/vault-view.ts';
import { startWorkflow, type WorkflowFixture } from '../support/scenes/workflow-scene.ts';
import type { Bench, Figure } from './bench.ts';
import { runProgram, runStep } from './child-process.ts';
import { type Cost, check } from './measure.ts';
import { type BenchContext, ROWS, SCHEME } from './prepare.ts';

const { count, oracles, threshold } = SCHEME;
const THREADS = 2;
const INPUT = `${count} keystores (pbkdf2, c = 1) and their deposit data, ${threshold} of ${oracles} oracles of a devnet; ./v3-operator as a whole process`;

/** A devnet with keystores, and a database into which nothing was uploaded yet. */
async function startWorld({ createDatabase }: BenchContext) {
  await using resources = new AsyncDisposableStack();
  const workflow = resources.use(await startWorkflow(count, { oracles, threshold }));
  const url = await createDatabase();
  await workflow.run(url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
  const owned = resources.move();
  return { workflow, url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function upload(workflow: WorkflowFixture, url: string, stored: number): Promise<Cost> {
  const args = workflow.uploadArgs(count);
  args[args.indexOf('--pool-size') + 1] = String(THREADS);
  const { cost, stdout } = await runProgram('./v3-operator', [
    'remote-db',
    '--db-url',
    url,
    '--json',
    ...args,
  ]);
  const result = JSON.parse(stdout) as { readonly stored: number; readonly shares: number };
  check(result.stored === stored && result.shares === count * oracles, stdout);
  return cost;
}

async function verify(workflow: WorkflowFixture, url: string, secrets: number): Promise<void> {
  await using pool = createWorkerPool();
  await checkByVerify(workflow, pool, url);
  check((await countSecrets(url)) === secrets, 'number of sealed rows');
}

const first: Bench = {
  name: 'upload',
  title: `upload-keypairs of ${count} keys into an empty vault: ${ROWS} rows`,
  input: INPUT,
  targets: { cpuMs: 27_000, wallMs: 16_000, peakMb: 350 },
  needsDatabase: true,
  async run(context): Promise<Figure> {
    await using world = await startWorld(context);
    const cost = await upload(world.workflow, world.url, count);
    await verify(world.workflow, world.url, ROWS);
    const seal = await runStep('seal-bare', SCHEME);
    const proof = await runStep('deposits-bare', SCHEME);
    return {
      cost,
      bare: {
        cost: sumOf(seal.cost, proof.cost),
        by: 'cpuMs',
        label:
          'blst public key per share and key, AES-256-GCM per row, signatures of deposits by 128, one thread',
      },
      verified: 'verify opens every row and finds nothing',
    };
  },
};

const again: Bench = {
  name: 'upload-again',
  title: `upload-keypairs of ${count} keys again, nothing changed`,
  input: INPUT,
  targets: { cpuMs: 5_000, peakMb: 350 },
  needsDatabase: true,
  async run(context): Promise<Figure> {
    await using world = await startWorld(context);
    await upload(world.workflow, world.url, count);
    const cost = await upload(world.workflow, world.url, 0);
    await verify(world.workflow, world.url, ROWS);
    const args = world.workflow.uploadArgs(count);
    const directory = args[args.indexOf('--keystores-dir') + 1] ?? '';
    const bare = await runStep('read-vault-bare', { url: world.url, directory });
    return {
      cost,
      bare: {
        cost: bare.cost,
        by: 'cpuMs',
        label: 'every keystore and the deposit data read and parsed, every row selected by pg and hashed',
      },
      verified: 'verify opens every row and finds nothing',
    };
  },
};

const newOracleSet: Bench = {
  name: 'new-oracle-set',
  title: `upload-keypairs of ${count} stored keys for other oracles: ${count * oracles} fresh shares`,
  input: INPUT,
  targets: { peakMb: 350 },
  needsDatabase: true,
  async run(context): Promise<Figure> {
    await using world = await startWorld(context);
    await upload(world.workflow, world.url, count);
    await world.workflow.devnet.updateOracles({ count: oracles, threshold, replace: true });
    const cost = await upload(world.workflow, world.url, count);
    await verify(world.workflow, world.url, count * (1 + 2 * oracles));
    const bare = await runStep('seal-bare', SCHEME);
    return {
      cost,
      bare: {
        cost: bare.cost,
        by: 'cpuMs',
        label: 'blst public key per share, AES-256-GCM per row, one thread',
      },
      verified: 'verify opens every row and finds nothing',
    };
  },
};

function sumOf(a: Cost, b: Cost): Cost {
  return {
    wallMs: a.wallMs + b.wallMs,
    cpuMs: a.cpuMs + b.cpuMs,
    peakMb: Math.max(a.peakMb, b.peakMb),
  };
}

export const UPLOAD_BENCHES: readonly Bench[] = [first, again, newOracleSet];
