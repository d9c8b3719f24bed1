import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ElectraNode } from '../devnet/electra-node.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { runCli } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { type OperatorProcess, startOperatorProcess } from '../support/programs/operator-process.ts';
import { type OperatorScene, startOperatorScene } from '../support/scenes/operator-scene.ts';
import { waitUntil } from '../support/wait-until.ts';

const ETH = 1_000_000_000n;

let scene: OperatorScene;
let beacon: ElectraNode;
let args: readonly string[];

beforeAll(async () => {
  scene = await startOperatorScene({ validators: 1, vaultVersion: 5, electra: true });
  const { devnet } = scene;
  beacon = await devnet.startElectraNode();
  args = scene.args.map(word => (word === scene.beacon.url ? beacon.url : word));
  await devnet.depositEther(400);
  const amounts = [32n, 33n, 40n, 32n, 32n, 100n];
  await devnet.registerCompounding(
    amounts.map((ether, i) => ({ publicKey: Buffer.alloc(48, i + 1), amountGwei: ether * ETH })),
  );
  await devnet.passEpochs(300);
  await devnet.beacon.change(state => state.slash(4));
});
afterAll(async () => {
  await beacon?.[Symbol.asyncDispose]();
  await scene?.[Symbol.asyncDispose]();
});

/** What `tx list` has of the options of `start`, with their values. */
function isOfStore(word: string, place: number, words: readonly string[]): boolean {
  const names = ['--vault', '--data-dir', '--db-url-file'];
  return names.includes(word) || names.includes(words[place - 1] ?? '');
}

const exit = (...more: string[]) => runCli(['exit-validators', ...args, ...more]);

async function listRequests(): Promise<readonly (readonly [index: number, gwei: bigint])[]> {
  const vault = scene.devnet.protocol.at('VaultV5', scene.vault);
  const { state } = await scene.devnet.beacon.sync();
  const logs = await vault.queryFilter('ValidatorWithdrawalSubmitted', 0);
  return logs.map(log =>
    'args' in log ? [state.find(String(log.args[0]))?.index ?? -1, BigInt(log.args[1]) / ETH] : [-1, 0n],
  );
}

describe('exit-validators', () => {
  it('exit-validators --dry-run names the validators, those that cannot exit, and the cost, and sends nothing', async () => {
    const run = await exit('--dry-run');
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stdout).toBe('Would exit 5 validators with indexes: 0, 1, 2, 3, 5\n');
    expect(run.stderr).toContain('validator 4: its exit has begun, or is over; it cannot exit now.');
    expect(run.stderr).toMatch(/Cost: at most 1 gwei for the requests, .* for the gas of 1 transaction at/);
    const json = await exit('--dry-run', '--json', '--count', '2');
    expect(JSON.parse(json.stdout)).toMatchObject({
      planned: [0, 1],
      later: [],
      refused: [{ index: 4, reason: 'exiting' }],
      transactions: [],
      dryRun: true,
    });
    expect(await listRequests()).toEqual([]);
  });

  it('exit-validators refuses indexes that cannot exit, each with its reason, and sends nothing', async () => {
    const run = await exit('--indexes', '0,4,77', '--yes');
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(
      'Validators that cannot exit now: 4: its exit has begun, or is over; 77: it is no validator of the vault. Nothing was sent.',
    );
    const both = await exit('--indexes', '0', '--count', '1', '--yes');
    expect(both.exitCode).toBe(2);
    const unasked = await exit('--indexes', '0');
    expect(unasked.exitCode).toBe(2);
    expect(await listRequests()).toEqual([]);
  });

  it('exit-validators requests exits in one call, which is recorded, and the same ones never again', async () => {
    const run = await exit('--indexes', '1,3', '--no-confirm', '--json');
    expect(run.exitCode, run.stderr).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      planned: [1, 3],
      transactions: [{ block: expect.any(Number) }],
    });
    expect(await listRequests()).toEqual([
      [1, 0n],
      [3, 0n],
    ]);
    const listed = await runCli(['tx', 'list', ...scene.args.slice(0, 4), '--json']);
    expect(JSON.parse(listed.stdout).transactions).toMatchObject([
      { kind: 'withdraw-validators', state: 'confirmed' },
    ]);
    const again = await exit('--indexes', '1', '--yes');
    expect(again.stderr).toContain('Validators that cannot exit now: 1: its exit has');
    await scene.devnet.passEpochs(1);
    expect(await scene.devnet.beacon.listVoidRequests(scene.vault)).toEqual([]);
  });

  it('exit-validators sends nothing while a request costs more than the limit', async () => {
    const { beacon: chain } = scene.devnet;
    await chain.setExcess('withdrawals', 1_000n);
    const none = await exit('--yes');
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain('A request costs more than 1000 gwei now');
    await chain.setExcess('withdrawals', 0n);
    expect(await listRequests()).toHaveLength(2);
  });

  it('exit-validators waits for no operator that acts for the vault: it says to stop it', async () => {
    await using database = await createTestDatabase();
    const urlFile = join(scene.folder, 'db-url');
    writeFileSync(urlFile, database.url, { mode: 0o600 });
    const start = [
      '--disable-validators-registration',
      '--disable-withdrawals',
      ...args,
      '--db-url-file',
      urlFile,
    ];
    await using operator = startOperatorProcess(start);
    await operator.printed('Started operator service');
    const run = await exit('--indexes', '0', '--yes', '--db-url-file', urlFile);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('Another process acts for the vault: no exit was requested.');
    expect((await operator.stop()).exitCode).toBe(0);
    expect(await listRequests()).toHaveLength(2);
  });

  describe('beside an operator that runs', () => {
    let database: TestDatabase;
    let operator: OperatorProcess;
    let words: readonly string[];

    beforeAll(async () => {
      database = await createTestDatabase();
      const urlFile = join(scene.folder, 'db-url-of-both');
      writeFileSync(urlFile, database.url, { mode: 0o600 });
      words = [...args, '--db-url-file', urlFile];
      operator = startOperatorProcess([
        '--disable-validators-registration',
        '--disable-withdrawals',
        '--log-level',
        'DEBUG',
        ...words,
      ]);
      await operator.printed('Started operator service');
    });
    afterAll(async () => {
      await operator?.[Symbol.asyncDispose]();
      await database?.[Symbol.asyncDispose]();
    });

    const take = (index: number) => ['--indexes', String(index), '--yes', '--take-over', ...words];
    const timesStarted = () => operator.output.split('Started operator service').length - 1;
    const untilActing = (times: number) =>
      waitUntil('the operator to act again', () => timesStarted() >= times, {
        lastSeen: () => operator.output,
      });
    const exitsOf = async (index: number) =>
      (await listRequests()).filter(([requested]) => requested === index).length;

    it('exit-validators --take-over requests the exit, and the operator acts again behind it', async () => {
      const run = await runCli(['exit-validators', ...take(0)]);
      expect(run.exitCode, run.stderr).toBe(0);
      expect(await exitsOf(0)).toBe(1);
      await operator.printed('This process no longer acts for the vault');
      await untilActing(2);
    });

    it('the end of what exit-validators had sent when it was killed is found out by the operator, and nothing happens twice', async () => {
      const times = timesStarted();
      const { protocol } = scene.devnet;
      await protocol.provider.send('evm_setIntervalMining', [0]);
      await using command = startOperatorProcess([...take(2), '--verbose'], { words: ['exit-validators'] });
      await command.printed('Sending transaction');
      command.kill('SIGKILL');
      await command.ended;
      await protocol.provider.send('evm_setIntervalMining', [1]);
      await untilActing(times + 1);
      const listed = async () =>
        JSON.parse((await runCli(['tx', 'list', ...words.filter(isOfStore), '--json'])).stdout).transactions;
      let seen: unknown;
      await waitUntil(
        'the recorded call to be confirmed',
        async () => {
          seen = await listed();
          return (seen as { state: string }[]).filter(({ state }) => state === 'confirmed').length === 2;
        },
        { lastSeen: () => JSON.stringify(seen) },
      );
      expect(await exitsOf(2)).toBe(1);
      const again = await runCli(['exit-validators', ...take(2)]);
      expect(again.stderr).toContain('Validators that cannot exit now: 2: its exit has');
      expect(await exitsOf(2)).toBe(1);
    });

    it('two of exit-validators that take the lease from each other request one exit', async () => {
      const times = timesStarted();
      const runs = await Promise.all([1, 2].map(() => runCli(['exit-validators', ...take(5)])));
      expect(runs.map(({ exitCode }) => exitCode)).toContain(0);
      await untilActing(times + 1);
      expect(await exitsOf(5)).toBe(1);
      expect((await operator.stop()).exitCode).toBe(0);
      await scene.devnet.passEpochs(1);
      expect(await scene.devnet.beacon.listVoidRequests(scene.vault)).toEqual([]);
    });
  });

  it('exit-validators is for version 5 and for the vault’s manager, and names the other command', async () => {
    await scene.devnet.setValidatorsManager(scene.devnet.protocol.owner.address);
    const run = await exit('--yes');
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(`the hot wallet ${scene.wallet} cannot exit its validators`);
    const older = await scene.devnet.createVault(4);
    const words = args.map(word => (word === scene.vault ? older : word));
    const refused = await runCli(['exit-validators', ...words, '--network', scene.networkFile, '--yes']);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('has version 4, which requests no exits itself');
    expect(refused.stderr).toContain('validators-exit');
  });

  it('exit-validators has shown its result', () => {
    expect(unseenResults(import.meta.filename)).toEqual([]);
  });
});
