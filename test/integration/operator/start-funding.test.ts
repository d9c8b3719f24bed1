import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../../src/lib/bytes.ts';
import type { ElectraNode } from '../../devnet/electra-node.ts';
import { freePort } from '../../devnet/listen.ts';
import { runCli } from '../../support/programs/cli.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';

let scene: OperatorScene;
let beacon: ElectraNode;
let args: readonly string[];

beforeAll(async () => {
  scene = await startOperatorScene({ validators: 3, vaultVersion: 5, electra: true });
  const { devnet } = scene;
  beacon = await devnet.startElectraNode();
  args = scene.args.map(word => (word === scene.beacon.url ? beacon.url : word));
  await devnet.depositEther(32);
  const run = await once();
  expect(run.exitCode, run.stderr).toBe(0);
  expect(await listRegistered()).toEqual([32]);
  await devnet.passEpochs(20);
});
afterAll(async () => {
  await beacon?.[Symbol.asyncDispose]();
  await scene?.[Symbol.asyncDispose]();
});

const once = (...more: string[]) =>
  runCli(['start', '--once', ...args, ...more, '--json'], { env: { ORACLES_VALIDATORS_TIMEOUT: '40' } });

const tasksOf = (stdout: string): string[] =>
  JSON.parse(stdout).passes.map(({ task }: { task: string }) => task);

/** Ether of each top-up. */
async function listFunded(): Promise<readonly bigint[]> {
  const logs = await scene.devnet.protocol.at('VaultV5', scene.vault).queryFilter('ValidatorFunded', 0);
  return logs.map(log => ('args' in log ? BigInt(log.args[1]) / 10n ** 18n : 0n));
}

/** Ether of the validators whose keys the operator has. */
async function listRegistered(): Promise<readonly number[]> {
  const validators = await scene.devnet.deposits.listValidators();
  return validators
    .filter(({ publicKey }) => scene.publicKeys.includes(toHex(publicKey)))
    .map(({ amountGwei }) => Number(amountGwei) / 1e9);
}

describe('start, for a vault of version 5 with 0x02 validators', () => {
  it('validators are topped up by the hot wallet before new ones are registered, unless that is switched off', async () => {
    const { devnet } = scene;
    await devnet.depositEther(20);
    const off = await once('--disable-validators-funding', '--disable-validators-registration');
    expect(off.exitCode, off.stderr).toBe(0);
    expect(tasksOf(off.stdout)).not.toContain('fund-validators');
    const of0x01 = await once('--validator-type', '0x01');
    expect(of0x01.exitCode, of0x01.stderr).toBe(0);
    expect(await listFunded()).toEqual([]);

    const only = await once('--disable-validators-registration');
    expect(only.exitCode, only.stderr).toBe(0);
    expect(tasksOf(only.stdout)).toContain('fund-validators');
    expect(only.stderr).toContain('[fund-validators] Successfully topped up validators with public keys');
    expect(await listFunded()).toEqual([20n]);

    // 248 are kept for the next top-up, which comes an hour later.
    await devnet.depositEther(248 + 32);
    const kept = await once();
    expect(kept.exitCode, kept.stderr).toBe(0);
    expect([await listFunded(), await listRegistered()]).toEqual([[20n], [32, 32]]);
    const waiting = await once();
    expect(waiting.stderr).toContain('248000000000 gwei are kept for that');

    // Both get up to 300, and what is left makes a validator.
    await devnet.depositEther(268 + 50);
    const both = await once('--min-deposit-delay', '0');
    expect(both.exitCode, both.stderr).toBe(0);
    expect(both.stderr).toContain('[register-validators] Successfully topped up validators with public keys');
    expect(await listFunded()).toEqual([20n, 248n, 268n]);
    expect(await listRegistered()).toEqual([32, 32, 50]);
    expect(await devnet.beacon.listVoidRequests(scene.vault)).toEqual([]);
    const listed = await runCli(['tx', 'list', ...scene.args.slice(0, 4), '--json']);
    expect(JSON.parse(listed.stdout).transactions).toContainEqual(
      expect.objectContaining({ kind: 'fund-validators', state: 'confirmed' }),
    );
  });

  it('the limit of a network file is what validators are filled up to', async () => {
    const file = join(scene.folder, 'small-validators.json');
    await scene.devnet.writeNetworkFile(file, {});
    const network = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...network, maxValidatorBalanceGwei: 60_000_000_000 }));
    const port = await freePort();
    await using operator = startOperatorProcess([
      ...args,
      '--network',
      file,
      '--min-deposit-delay',
      '0',
      '--enable-metrics',
      '--metrics-port',
      String(port),
    ]);
    await operator.printed('Started operator service');
    await scene.devnet.depositEther(30);
    await operator.printed('Successfully topped up validators');
    expect((await listFunded()).slice(3)).toEqual([10n]);
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const [, block] = /^last_funding_block\{.*\} (\d+)$/m.exec(text) ?? [];
    const mined = await scene.devnet.protocol.provider.getBlockNumber();
    expect(Number(block)).toBeGreaterThan(mined - 20);
    expect(Number(block)).toBeLessThanOrEqual(mined);
    expect((await operator.stop()).exitCode).toBe(0);
  });
});
