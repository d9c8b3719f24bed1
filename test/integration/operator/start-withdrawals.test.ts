import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEther } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ElectraNode } from '../../devnet/electra-node.ts';
import { runCli } from '../../support/programs/cli.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';

const ETH = 1_000_000_000n;

let scene: OperatorScene;
let beacon: ElectraNode;
let args: readonly string[];

beforeAll(async () => {
  scene = await startOperatorScene({ validators: 1, vaultVersion: 5, electra: true });
  const { devnet } = scene;
  beacon = await devnet.startElectraNode();
  args = scene.args.map(word => (word === scene.beacon.url ? beacon.url : word));
  await devnet.depositEther(300);
  await devnet.registerCompounding([{ publicKey: Buffer.alloc(48, 7), amountGwei: 300n * ETH }]);
  await devnet.passEpochs(300);
});
afterAll(async () => {
  await beacon?.[Symbol.asyncDispose]();
  await scene?.[Symbol.asyncDispose]();
});

const once = (...more: string[]) =>
  runCli(['start', '--once', '--disable-validators-registration', ...args, ...more, '--json']);

const tasksOf = (stdout: string): string[] =>
  JSON.parse(stdout).passes.map(({ task }: { task: string }) => task);

async function listAmounts(): Promise<readonly bigint[]> {
  const vault = scene.devnet.protocol.at('VaultV5', scene.vault);
  const logs = await vault.queryFilter('ValidatorWithdrawalSubmitted', 0);
  return logs.map(log => ('args' in log ? BigInt(log.args[1]) / ETH : 0n));
}

describe('start, for a vault of version 5', () => {
  it('a network file without the contracts stops nothing: the task says which member is missing', async () => {
    const file = join(scene.folder, 'without-checker.json');
    await scene.devnet.writeNetworkFile(file, {});
    const network = JSON.parse(readFileSync(file, 'utf8'));
    delete network.contracts.validatorsChecker;
    writeFileSync(file, JSON.stringify(network));
    const run = await once('--network', file);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(tasksOf(run.stdout)).toContain('withdraw-validators');
    expect(run.stderr).toMatch(/\[withdraw-validators\] Waiting for .*contracts\.validatorsChecker/);
  });

  it('withdrawals are requested by the hot wallet, within its signer’s bounds, unless they are switched off', async () => {
    const vault = scene.devnet.protocol.at('VaultV5', scene.vault);
    const { owner } = scene.devnet.protocol;
    await scene.devnet.protocol.send(vault, 'enterExitQueue', parseEther('20'), owner.address);
    const off = await once('--disable-withdrawals');
    expect(off.exitCode, off.stderr).toBe(0);
    expect(tasksOf(off.stdout)).not.toContain('withdraw-validators');
    expect(await listAmounts()).toEqual([]);

    const run = await once();
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toContain('[withdraw-validators] Requested withdrawals from validators');
    expect(await listAmounts()).toEqual([20n * ETH]);
    const again = await once();
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stderr).toContain('[withdraw-validators] Waiting for block');
    expect(await listAmounts()).toEqual([20n * ETH]);
    await scene.devnet.beacon.sync();
    expect(await scene.devnet.beacon.listVoidRequests(scene.vault)).toEqual([]);
  });
});

describe('start, for vaults that request no withdrawals', () => {
  it.each([{ vaultVersion: 4 }, { vaultVersion: 5, manager: 'registry' as const }])(
    'a vault that is %o has no such task',
    async options => {
      await using other = await startOperatorScene({ validators: 1, ...options });
      const words = ['start', '--once', '--disable-validators-registration', ...other.args, '--json'];
      const run = await runCli(words);
      expect(run.exitCode, run.stderr).toBe(0);
      expect(tasksOf(run.stdout)).not.toContain('withdraw-validators');
    },
  );
});
