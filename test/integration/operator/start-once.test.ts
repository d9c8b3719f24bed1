import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../devnet/listen.ts';
import { createTestDatabase } from '../../support/postgres/postgres.ts';
import { runCli } from '../../support/programs/cli.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';

/** Ether of one validator. */
const STAKE = 32;

let scene: OperatorScene;

beforeAll(async () => {
  scene = await startOperatorScene({ validators: 8 });
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});
afterEach(() => {
  for (const { faults } of scene.devnet.oracles.servers) delete faults.down;
});

const once = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  runCli(['start', '--once', ...scene.args, ...args], {
    env: { ORACLES_VALIDATORS_TIMEOUT: '40', ...env },
  });

async function countRegistered(): Promise<number> {
  return (await scene.devnet.readVaultLog()).registered.length;
}

const ALL_TASKS = [
  'watch-chain',
  'track-validators',
  'count-unused-keys',
  'check-oracles',
  'register-validators',
  'rotate-exit-signatures',
  'harvest-vault',
];

describe('start --once', () => {
  it('every task has one pass, what was sent is in a block, and the exit code is 0', async () => {
    const before = await countRegistered();
    await scene.devnet.depositEther(2 * STAKE);
    const run = await once(['--harvest-vault', '--json']);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(await countRegistered()).toBe(before + 2);
    const { stopped, passes } = JSON.parse(run.stdout);
    expect(stopped).toBe(true);
    expect(passes.map((pass: { task: string }) => pass.task)).toEqual(ALL_TASKS);
    expect(run.stderr).toMatch(/\[register-validators\] Successfully registered validators/);
    expect(run.stderr).not.toContain('Started operator service');
    const listed = await runCli(['tx', 'list', ...scene.args.slice(0, 4), '--json']);
    expect(JSON.parse(listed.stdout).transactions).toMatchObject([{ state: 'confirmed' }]);
  });

  it('the exit code is 0 where there is nothing to do, and the log says what each task waits for', async () => {
    const before = await countRegistered();
    const run = await once();
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stdout).toBe('');
    expect(await countRegistered()).toBe(before);
    expect(run.stderr).toContain(
      '[register-validators] Nothing more to do, waits for assets for the next validator',
    );
    expect(run.stderr).not.toContain('[harvest-vault]');
  });

  it('a task that fails ends it with exit code 1, named, when the others have had their pass', async () => {
    const before = await countRegistered();
    await scene.devnet.depositEther(STAKE);
    for (const { faults } of scene.devnet.oracles.servers) faults.down = true;
    const run = await once(['--json'], { LOG_FORMAT: 'json', ORACLES_VALIDATORS_TIMEOUT: '5' });
    expect(run.exitCode).toBe(1);
    expect(await countRegistered()).toBe(before);
    expect(JSON.parse(run.stdout).error).toMatchObject({
      code: 'passes-failed',
      message: expect.stringMatching(/^\d of 6 tasks failed: .*register-validators \(/),
    });
    const lines = run.stderr
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(lines.filter(({ task }) => task === 'rotate-exit-signatures')).not.toEqual([]);
    expect(lines.at(-1)).toMatchObject({ level: 'fatal', code: 'passes-failed' });
    for (const { faults } of scene.devnet.oracles.servers) delete faults.down;
    expect((await once()).exitCode).toBe(0);
    expect(await countRegistered()).toBe(before + 1);
  });

  it('another process that acts for the vault ends it with exit code 1, and nothing is done twice', async () => {
    await using database = await createTestDatabase();
    const urlFile = join(scene.folder, 'db-url');
    writeFileSync(urlFile, database.url, { mode: 0o600 });
    await using operator = startOperatorProcess([...scene.args, '--db-url-file', urlFile]);
    await operator.printed('Started operator service');
    const run = await once(['--db-url-file', urlFile]);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('Error: Another process acts for the vault: nothing was done for it.\n');
    expect((await operator.stop()).exitCode).toBe(0);
    const next = await once(['--db-url-file', urlFile]);
    expect(next.exitCode, next.stderr).toBe(0);
  });

  it('a signal before the end of the last pass ends it with exit code 1', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const args = scene.args.map(word => (word === scene.devnet.rpcUrl ? nobody : word));
    await using operator = startOperatorProcess(['--once', ...args]);
    await operator.printed('Waiting.');
    expect((await operator.stop()).exitCode).toBe(1);
    expect(operator.output).toContain('Error: Stopped before every task had its pass.\n');
  });
});
