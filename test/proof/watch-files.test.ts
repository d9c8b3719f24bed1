// setup-web3signer --watch and setup-validator --watch as processes of the built program, with a real Postgres and signers over HTTP:
// what the database says reaches the files and the signers, whatever fails meanwhile, and nothing else does.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { runKilledAt } from '../support/faults/killed-process.ts';
import { startWireProxy } from '../support/faults/wire-proxy.ts';
import {
  copyDatabase,
  createTestDatabase,
  databaseUrl,
  dropDatabase,
  runSql,
  type TestDatabase,
} from '../support/postgres/postgres.ts';
import { startTransactionPooler } from '../support/postgres/transaction-pooler.ts';
import { startWatchProcess } from '../support/programs/watch-process.ts';
import { rewritePlan } from '../support/scenes/unkeyed-attacker.ts';
import { ORACLES, startWorkflow, type WorkflowFixture } from '../support/scenes/workflow-scene.ts';
import { startFakeSigner } from '../support/servers/fake-signer.ts';
import { waitUntil } from '../support/wait-until.ts';

const KEYS = 12;
const FIRST = 4;
const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
let template: TestDatabase;
let places = 0;

beforeAll(async () => {
  workflow = resources.use(await startWorkflow(KEYS));
  template = resources.use(await createTestDatabase());
  await workflow.run(template.url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
  await workflow.run(template.url, workflow.uploadArgs(FIRST));
});
afterAll(() => resources.disposeAsync());

/** A database with the first keys, of one test alone, and a directory that is not there yet. */
async function startScene() {
  const database = await copyOf(template);
  const directory = join(workflow.folder, `files-${++places}`);
  return { database, directory, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

async function copyOf({ name, url }: TestDatabase): Promise<TestDatabase> {
  const server = databaseUrl(url, 'postgres');
  const copy = `${name}_${++places}`;
  await copyDatabase(server, copy, name);
  return {
    name: copy,
    url: databaseUrl(url, copy),
    [Symbol.asyncDispose]: () => dropDatabase(server, copy),
  };
}

const keysIn = (directory: string) => readKeyDirectory(directory).publicKeys.size;
/** Validators' keys and their shares. */
const withShares = (validators: number) => validators * (1 + ORACLES);
const upload = (database: TestDatabase, count: number) =>
  workflow.run(database.url, workflow.uploadArgs(count));

const everyTwoSeconds = (more: readonly string[]) =>
  more.includes('--watch-interval') ? more : ['--watch-interval', '2', ...more];

function watchSigner(scene: { database: { url: string }; directory: string }, ...more: readonly string[]) {
  return startWatchProcess([...workflow.setupWeb3SignerArgs(scene.directory), ...everyTwoSeconds(more)], {
    databaseUrl: scene.database.url,
    cwd: workflow.folder,
  });
}

function watchClient(
  client: number,
  scene: { database: { url: string }; directory: string },
  ...more: readonly string[]
) {
  return startWatchProcess(
    [...workflow.setupValidatorArgs(client, 2, scene.directory), ...everyTwoSeconds(more)],
    { databaseUrl: scene.database.url, cwd: workflow.folder },
  );
}

/** Public keys in the file of Teku and Prysm, sorted. */
function keysOfClient(directory: string): string[] {
  const text = readFileSync(join(directory, 'signer_keys.yml'), 'utf8');
  return [...text.matchAll(/0x[0-9a-f]{96}/g)].map(([key]) => key).sort();
}

describe('key files that follow the database', () => {
  it('an upload reaches the files and the signer without a restart, at once, and SIGTERM ends the watch with 0', async () => {
    await using scene = await startScene();
    await using signer = await startFakeSigner(scene.directory);
    const begun = performance.now();
    // Long enough that only a notification explains what comes before it.
    await using watch = await watchSigner(
      scene,
      '--watch-interval',
      '600',
      '--web3signer-endpoint',
      signer.url,
    );
    expect(performance.now() - begun).toBeLessThan(30_000);
    const first = await watch.ready();
    expect(first).toMatchObject({ phase: 'watching', upToDate: true, listening: true, problem: null });
    expect(first).toMatchObject({ keysWanted: withShares(FIRST), keysWritten: withShares(FIRST) });
    expect(keysIn(scene.directory)).toBe(withShares(FIRST));
    const reloads = signer.requests.filter(line => line === 'POST /reload').length;
    await upload(scene.database, FIRST + 2);
    await waitUntil('the new keys in the files', () => keysIn(scene.directory) === withShares(FIRST + 2), {
      lastSeen: () => watch.output,
    });
    await waitUntil('the signer to be reloaded', async () => {
      return signer.requests.filter(line => line === 'POST /reload').length === reloads + 1;
    });
    await waitUntil('the report of it', async () => {
      return (await watch.readiness()).report.keysWritten === withShares(FIRST + 2);
    });
    expect((await watch.readiness()).status).toBe(200);
    expect(await watch.figure('key_sync_up_to_date')).toBe(1);
    expect(await watch.figure('key_sync_keys_written')).toBe(withShares(FIRST + 2));
    expect(await watch.figure('key_sync_rewrites_total')).toBe(2);
    expect(await watch.figure('key_sync_problem')).toBeUndefined();
    expect(await watch.statusOf('/healthz')).toBe(200);
    watch.kill('SIGTERM');
    expect(await watch.ended).toBe(0);
    expect(watch.output).toMatch(/Received SIGTERM.*Stopped/s);
  });

  it('the watch sees an upload behind a pooler of transactions, which takes the wish to listen and tells nothing', async () => {
    await using scene = await startScene();
    await using pooler = await startTransactionPooler(scene.database.url);
    await using watch = await watchSigner({ ...scene, database: pooler });
    await watch.ready();
    await upload(scene.database, FIRST + 1);
    await waitUntil('the new keys', () => keysIn(scene.directory) === withShares(FIRST + 1), {
      lastSeen: () => watch.output,
    });
  });

  it('the watch listens again after its connection was cut, and hears the next upload', async () => {
    await using scene = await startScene();
    await using watch = await watchSigner(scene, '--watch-interval', '600');
    await watch.ready();
    const listener = async () =>
      (
        await runSql(
          scene.database.url,
          `select pid from pg_stat_activity where datname = current_database() and query ilike 'listen%'`,
        )
      )[0]?.pid as number | undefined;
    const before = await listener();
    expect(before).toBeGreaterThan(0);
    await runSql(scene.database.url, `select pg_terminate_backend(${before})`);
    await waitUntil('another connection that listens', async () => {
      const now = await listener();
      return now !== undefined && now !== before;
    });
    await upload(scene.database, FIRST + 1);
    await waitUntil('the new keys', () => keysIn(scene.directory) === withShares(FIRST + 1), {
      lastSeen: () => watch.output,
    });
  });

  it('the watch waits out a database that is away, says so once, keeps the files, and goes on when it is back', async () => {
    await using scene = await startScene();
    await using watch = await watchSigner(scene);
    await watch.ready();
    const connections = `datname = '${scene.database.name}' and pid <> pg_backend_pid()`;
    const server = databaseUrl(scene.database.url, 'postgres');
    await runSql(server, `alter database ${scene.database.name} with allow_connections false`);
    await runSql(server, `select pg_terminate_backend(pid) from pg_stat_activity where ${connections}`);
    await waitUntil('the watch not to be ready', async () => (await watch.readiness()).status === 503, {
      lastSeen: () => watch.output,
    });
    const { report } = await watch.readiness();
    // The files are those of the last look, and liveness is no question of the database.
    expect(report).toMatchObject({ upToDate: true, ready: false });
    expect(String(report.waitsFor)).not.toBe('');
    expect(keysIn(scene.directory)).toBe(withShares(FIRST));
    expect(await watch.statusOf('/healthz')).toBe(200);
    expect(await watch.figure('key_sync_ready')).toBe(0);
    await runSql(server, `alter database ${scene.database.name} with allow_connections true`);
    await watch.ready();
    await upload(scene.database, FIRST + 1);
    await waitUntil('the new keys', () => keysIn(scene.directory) === withShares(FIRST + 1), {
      lastSeen: () => watch.output,
    });
  });

  it('the watch waits for a database that has nothing at its start, and for its tables, and ends at SIGINT with 0', async () => {
    await using scene = await startScene();
    await using empty = await createTestDatabase({ migrated: false });
    await using watch = await watchSigner({ ...scene, database: empty });
    const report = await watch.refused('db-schema-missing');
    expect(report).toMatchObject({ ready: false, phase: 'starting' });
    expect(existsSync(scene.directory)).toBe(false);
    watch.kill('SIGINT');
    expect(await watch.ended).toBe(0);
  });

  it('the watch keeps the brake: keys that would go stay, it is told once, and a run by hand lets the watch go on', async () => {
    await using scene = await startScene();
    await using watch = await watchSigner(scene);
    await watch.ready();
    // The vault is removed and set up anew, and has one key of four.
    const { vaultArgs, keyArgs } = workflow;
    await workflow.run(scene.database.url, ['cleanup', ...vaultArgs, '--yes']);
    await workflow.run(scene.database.url, ['setup', ...vaultArgs, ...keyArgs]);
    await upload(scene.database, 1);
    const report = await watch.refused('too-many-removals');
    expect(report).toMatchObject({
      upToDate: false,
      keysWritten: withShares(FIRST),
      keysWanted: withShares(1),
    });
    expect(keysIn(scene.directory)).toBe(withShares(FIRST));
    expect(await watch.figure('key_sync_keys_wanted')).toBe(withShares(1));
    expect(await watch.statusOf('/healthz')).toBe(200);
    const allowed = workflow.setupWeb3SignerArgs(scene.directory, '--removals', 'allow');
    await workflow.run(scene.database.url, allowed);
    await watch.ready();
    expect(keysIn(scene.directory)).toBe(withShares(1));
    expect([1, 2, 3]).toContain(watch.output.match(/ERROR .*would remove 3 of 4 keys/g)?.length);
  });

  it('the watch writes anew what was removed from a memory volume, and what somebody changed', async () => {
    await using scene = await startScene();
    await using watch = await watchSigner(scene);
    await watch.ready();
    for (const name of readdirSync(scene.directory)) rmSync(join(scene.directory, name));
    await waitUntil(
      'the files to be back',
      () => readdirSync(scene.directory).length > 0 && keysIn(scene.directory) === withShares(FIRST),
      { lastSeen: () => watch.output },
    );
    await watch.ready();
    const [name = ''] = readdirSync(scene.directory).filter(file => file.endsWith('.yaml'));
    writeFileSync(join(scene.directory, name), 'type: file-raw\n');
    await waitUntil('the changed file to be mended', () => {
      return readFileSync(join(scene.directory, name), 'utf8') !== 'type: file-raw\n';
    });
    expect(keysIn(scene.directory)).toBe(withShares(FIRST));
  });

  it('the watch is not ready while a signer lacks keys, and says so by the code of the error', async () => {
    await using scene = await startScene();
    mkdirSync(scene.directory);
    await using lost = await startFakeSigner(scene.directory, { drop: 1 });
    await using watch = await watchSigner(scene, '--web3signer-endpoint', lost.url);
    const report = await watch.refused('signer-lacks-keys');
    expect(report).toMatchObject({ upToDate: false });
    expect(await watch.figure('key_sync_problem', 'signer-lacks-keys')).toBe(1);
    expect(await watch.figure('key_sync_refused_total', 'signer-lacks-keys')).toBeGreaterThan(0);
    expect(keysIn(scene.directory)).toBe(withShares(FIRST));
    expect([1, 2, 3]).toContain(watch.output.match(/lacks 1 of/g)?.length);
  });

  it('a watch that is killed in the middle of writing and started again leaves whole files', async () => {
    await using scene = await startScene();
    await upload(scene.database, KEYS);
    const args = [...workflow.setupWeb3SignerArgs(scene.directory), '--watch', '--watch-interval', '2'];
    for (const number of [3, 9, 17]) {
      const killed = await runKilledAt(
        { kind: 'file change', number, when: 'after' },
        { args, databaseUrl: scene.database.url },
      );
      expect(killed.killedAt).toBeDefined();
    }
    await using watch = await watchSigner(scene);
    await watch.ready();
    expect(keysIn(scene.directory)).toBe(withShares(KEYS));
    expect(readdirSync(scene.directory).filter(name => name.includes('stakewise-tmp'))).toEqual([]);
  });

  it('the watch asks the database one small question a look while nothing happens', async () => {
    await using scene = await startScene();
    await using proxy = await startWireProxy({ serverUrl: scene.database.url });
    await using watch = await watchSigner({ ...scene, database: proxy }, '--watch-interval', '1');
    await watch.ready();
    const looks = async () => Date.parse(String((await watch.readiness()).report.lastLook));
    const before = { statements: proxy.statements, at: await looks() };
    const after = await waitUntil('eight seconds of looks', async () => {
      const at = await looks();
      return at - before.at >= 8_000 && { statements: proxy.statements, at };
    });
    const perSecond = (after.statements - before.statements) / ((after.at - before.at) / 1000);
    expect(perSecond).toBeGreaterThan(0.5);
    expect(perSecond).toBeLessThanOrEqual(1.13);
  });
});

describe('files of validator clients that follow the database', () => {
  it('a client gets its part of new keys, and never those that a plan has given to another one before', async () => {
    await using scene = await startScene();
    await using watch = await watchClient(0, scene);
    await watch.ready();
    const mine = keysOfClient(scene.directory);
    expect(mine).toHaveLength(FIRST / 2);
    await upload(scene.database, FIRST + 2);
    await waitUntil('the new key', () => keysOfClient(scene.directory).length === FIRST / 2 + 1, {
      lastSeen: () => watch.output,
    });
    const grown = keysOfClient(scene.directory);
    await watch.ready();
    // What an admin does who forgets the client that runs, and whose last argument is another one: all keys to the first client.
    const plan = await moveAll(scene.database, 0);
    const report = await watch.refused('keys-from-another-client');
    expect(report).toMatchObject({ upToDate: false, ready: false });
    expect(keysOfClient(scene.directory)).toEqual(grown);
    // Killed and started again, nobody has said anything.
    watch.kill('SIGKILL');
    await watch.ended;
    await using again = await watchClient(0, scene);
    await again.refused('keys-from-another-client');
    expect(keysOfClient(scene.directory)).toEqual(grown);
    // The run without --watch is the word, and the watch goes on from it.
    await workflow.run(scene.database.url, workflow.setupValidatorArgs(0, 2, scene.directory));
    await again.ready();
    expect(keysOfClient(scene.directory)).toEqual(plan);
  });

  it('the watch leaves the files of a client whose keys go to another one as they are where the brake says so', async () => {
    await using scene = await startScene();
    await using watch = await watchClient(1, scene);
    await watch.ready();
    const before = keysOfClient(scene.directory);
    await moveAll(scene.database, 0);
    await watch.refused('too-many-removals');
    expect(keysOfClient(scene.directory)).toEqual(before);
  });

  it('the watch refuses what nobody looks on at: an embedded database, --reassign, --removals allow, --check and --json', async () => {
    await using scene = await startScene();
    const args = workflow.setupValidatorArgs(0, 2, scene.directory);
    const refused: (readonly [string, readonly string[]])[] = [
      [`pglite:${scene.directory}-db`, ['--watch']],
      [scene.database.url, ['--watch', '--reassign']],
      [scene.database.url, ['--watch', '--removals', 'allow']],
      [scene.database.url, ['--watch', '--check']],
      [scene.database.url, ['--watch', '--json']],
    ];
    for (const [url, more] of refused) {
      const run = await workflow.runToEnd(url, [...args, ...more]);
      expect([more, run.exitCode, run.stderr + run.stdout]).toEqual([
        more,
        2,
        expect.stringMatching(/--watch (goes on|follows|does not go|moves no keys)/),
      ]);
    }
    const adopt = [...workflow.setupWeb3SignerArgs(scene.directory), '--watch', '--adopt'];
    expect((await workflow.runToEnd(scene.database.url, adopt)).exitCode).toBe(2);
    expect(existsSync(scene.directory)).toBe(false);
  });
});

/** Gives every key to one of the two clients, as whoever may write to the plan can. @returns the keys, sorted */
async function moveAll({ url }: TestDatabase, client: number): Promise<string[]> {
  await rewritePlan(url, 2, () => client);
  const rows = await runSql(
    url,
    `select encode(public_key, 'hex') as key from stakewise_operator.assignments`,
  );
  return rows.map(({ key }) => `0x${key}`).sort();
}
