import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Wallet } from 'ethers/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex } from '../../../src/lib/bytes.ts';
import type { ElectraNode } from '../../devnet/electra-node.ts';
import { describeOracleSet } from '../../devnet/oracle-set.ts';
import { runCli } from '../../support/programs/cli.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';

const ETH = 1_000_000_000n;

let scene: OperatorScene;
let beacon: ElectraNode;
let args: readonly string[];

beforeAll(async () => {
  scene = await startOperatorScene({ validators: 3, vaultVersion: 5, electra: true });
  const { devnet } = scene;
  beacon = await devnet.startElectraNode();
  args = scene.args.map(word => (word === scene.beacon.url ? beacon.url : word));
  await devnet.depositEther(100);
  const own = scene.publicKeys.slice(0, 2).map(key => fromHex(key));
  await devnet.registerCompounding(own.map(publicKey => ({ publicKey, amountGwei: 32n * ETH })));
  await devnet.passEpochs(300);
  await devnet.beacon.change(state => state.slash(1));
  await devnet.passEpochs(8);
});
afterAll(async () => {
  await beacon?.[Symbol.asyncDispose]();
  await scene?.[Symbol.asyncDispose]();
});

const once = (more: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCli(['start', '--once', '--disable-validators-registration', ...args, ...more], { env });

describe('the checks of a start', () => {
  it('a line for each node says whether it is synced, its head and how far it is behind; another one how many validators are active', async () => {
    const run = await once([]);
    expect(run.exitCode, run.stderr).toBe(0);
    const { stderr } = run;
    expect(stderr).toMatch(
      /Connected to execution node at \S+\. Current block number: [1-9]\d* \(synced, 0 blocks behind\)\n/,
    );
    expect(stderr).toMatch(
      /Connected to consensus node at \S+\. Current epoch: [1-9]\d* \(synced, head slot [1-9]\d*, \d+ slots? behind\)\n/,
    );
    const [, active] =
      /Validators of 3 keys on the beacon chain: 2, of them active: (\d)\n/.exec(stderr) ?? [];
    const states = await scene.devnet.beacon.sync();
    const expected = states.state.validators.filter(one => one.exitEpoch > states.state.epoch).length;
    expect(active).toBe(String(expected));
  });

  it('an interval of withdrawals that is longer than the oracles wait stops the start, and both are named', async () => {
    const late = await once(['--withdrawals-interval', '86401']);
    expect(late.exitCode).toBe(2);
    expect(late.stderr).toContain(
      '--withdrawals-interval (WITHDRAWALS_INTERVAL) is 86401 seconds, and the oracles exit validators after 86400 seconds (force_withdrawals_period of their configuration).',
    );
    expect(late.stderr).not.toContain('Started operator service');
    const inTime = await once(['--withdrawals-interval', '86400']);
    expect(inTime.exitCode, inTime.stderr).toBe(0);
    const off = await once(['--withdrawals-interval', '86401', '--disable-withdrawals']);
    expect(off.exitCode, off.stderr).toBe(0);
  });

  it('the configuration of the oracles says how long that is', async () => {
    const { devnet } = scene;
    const { oracles, threshold } = await devnet.updateOracles({ count: 3, threshold: 2 });
    const document = describeOracleSet(oracles, threshold);
    await devnet.publishOracleConfig({ ...document, force_withdrawals_period: 7200 });
    const late = await once([], { WITHDRAWALS_INTERVAL: '7201' });
    expect(late.exitCode).toBe(2);
    expect(late.stderr).toContain('is 7201 seconds, and the oracles exit validators after 7200 seconds');
    const inTime = await once([], { WITHDRAWALS_INTERVAL: '7200' });
    expect(inTime.exitCode, inTime.stderr).toBe(0);
    await devnet.publishOracleConfig(document);
  });

  it('a vault of version 5 that has another validators manager is warned of, and told what to do', async () => {
    const { devnet, wallet, vault } = scene;
    const { depositDataRegistry: registry } = devnet.addresses;
    await devnet.setValidatorsManager(registry);
    const warning = `The validators manager of the vault ${vault} is ${registry}, and not the hot wallet ${wallet}: nothing is withdrawn from its validators, and none is topped up. Its admin has to call setValidatorsManager(${wallet}) of the vault.`;
    const run = await once([]);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toContain(warning);
    const off = await once(['--disable-withdrawals', '--disable-validators-funding']);
    expect(off.stderr).not.toContain('The validators manager of the vault');
    await devnet.setValidatorsManager(wallet);
    expect((await once([])).stderr).not.toContain('The validators manager of the vault');
  });
});

describe('the hot wallet as a private key', () => {
  const KEY = `ab${'3c'.repeat(31)}`;
  const { address } = new Wallet(`0x${KEY}`);
  let dataDir: string;
  let own: readonly string[];

  beforeAll(async () => {
    await scene.devnet.setBalance(address, 10n ** 19n);
    dataDir = scene.writeDataDir('by-key');
    own = args.map(word => (word === scene.dataDir ? dataDir : word));
  });

  /** Environment and command line of each process below this one. */
  function listBelow(pid: number): { readonly command: string; readonly environment: string }[] {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return children.flatMap(child => [
      {
        command: readFileSync(`/proc/${child}/cmdline`, 'utf8'),
        environment: readFileSync(`/proc/${child}/environ`, 'utf8'),
      },
      ...listBelow(Number(child)),
    ]);
  }

  it('WALLET_PRIVATE_KEY beats the wallet’s files, with a warning, and is seen nowhere else', async () => {
    await using operator = startOperatorProcess(
      ['--disable-validators-registration', '--log-level', 'DEBUG', ...own],
      { env: { WALLET_PRIVATE_KEY: `0x${KEY.toUpperCase()}` } },
    );
    await operator.printed('Started operator service');
    expect(operator.output).toContain(`Checking hot wallet balance ${address}...`);
    expect(operator.output).toMatch(
      /WARNING\s.*The hot wallet is the key of --wallet-private-key \(WALLET_PRIVATE_KEY\), and no wallet file is looked at/,
    );
    const signer = listBelow(operator.pid).filter(({ command }) => command.includes('stakewise-signer'));
    expect(signer).toHaveLength(1);
    for (const { command, environment } of signer) {
      expect(`${command}${environment}`.toLowerCase()).not.toContain(KEY.slice(0, 16));
      expect(environment).not.toContain('WALLET_PRIVATE_KEY');
    }
    expect((await operator.stop()).exitCode).toBe(0);
    expect(operator.output.toLowerCase()).not.toContain(KEY.slice(0, 16));
  });

  it('a start by key needs no wallet file, and takes the key from a file or, with a warning, from the command line', async () => {
    rmSync(join(dataDir, scene.vault.toLowerCase(), 'wallet'), { recursive: true });
    const file = join(scene.folder, 'wallet-key');
    writeFileSync(file, `${KEY}\n`, { mode: 0o600 });
    const start = ['start', '--once', '--disable-validators-registration', ...own];
    const byFile = await runCli([...start, '--wallet-private-key-file', file]);
    expect(byFile.exitCode, byFile.stderr).toBe(0);
    expect(byFile.stderr).toContain(address);
    expect(byFile.stderr).not.toContain('on the command line can be seen');
    const byArgv = await runCli([...start, '--wallet-private-key', KEY]);
    expect(byArgv.exitCode, byArgv.stderr).toBe(0);
    expect(byArgv.stderr).toContain('--wallet-private-key on the command line can be seen by other users');
    expect(byFile.stderr + byArgv.stderr).not.toContain(KEY.slice(0, 16));
  });

  it.each([
    ['too short', KEY.slice(2)],
    ['zero', '0'.repeat(64)],
    ['the order of the group', 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'],
    ['no hex', `${KEY.slice(0, 63)}g`],
  ])('a key that is %s is refused, and not repeated', async (_, value) => {
    const run = await runCli(['start', ...own], { env: { WALLET_PRIVATE_KEY: value } });
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("Invalid value for '--wallet-private-key'");
    expect(run.stderr).not.toContain(value.slice(0, 16));
  });

  it('config shows that there is a key, and not which', async () => {
    const run = await runCli(['config', 'start', '--json'], { env: { WALLET_PRIVATE_KEY: KEY } });
    const { options } = JSON.parse(run.stdout);
    expect(options.find((one: { option: string }) => one.option === '--wallet-private-key')).toMatchObject({
      value: '***',
      source: 'environment',
    });
    expect(run.stdout + run.stderr).not.toContain(KEY);
  });

  it('exit-validators plans with the wallet of the key, and warns', async () => {
    const plan = (env: Readonly<Record<string, string>>) =>
      runCli(['exit-validators', ...own, '--dry-run'], { env });
    const stranger = await plan({ WALLET_PRIVATE_KEY: KEY });
    expect(stranger.exitCode).toBe(1);
    expect(stranger.stderr).toContain(address);
    expect(stranger.stderr).toContain('The hot wallet is the key of --wallet-private-key');
    const manager = await plan({ WALLET_PRIVATE_KEY: '5a'.repeat(32) });
    expect(manager.exitCode, manager.stderr).toBe(0);
    expect(manager.stdout).toContain('Would exit 1 validator with indexes: 0');
  });
});
