import { parseEther } from 'ethers/utils';
import type { BeaconNode } from '../devnet/beacon-node.ts';
import type { Devnet } from '../devnet/devnet.ts';
import { freePort } from '../devnet/listen.ts';
import type { VaultLog } from '../devnet/vault-log.ts';
import { checkDeposits, checkExits, readApprovedExits } from './check-operator.ts';
import { expectEqual } from './expectations.ts';
import { expectMetric, fetchText, type MeteredOperator } from './metrics.ts';
import { secondsSince, startProgram, tell } from './runner.ts';

export interface OperatorLife {
  readonly devnet: Devnet;
  readonly beacon: BeaconNode;
  readonly vault: string;
  /** The home directory of the launcher's user. */
  readonly home: string;
  /** Options of `start`, without those of metrics and harvests. */
  readonly args: readonly string[];
  /** 0x hex of all validators of the deposit data, in its order. */
  readonly publicKeys: readonly string[];
  /** How many of them are registered this time. */
  readonly count: number;
  /** The set of oracles becomes this one when the validators are registered. */
  readonly oracles: { readonly count: number; readonly threshold: number };
  /** How the shards of the exits are made before and after that. */
  readonly shardModes: readonly [before: string, after: string];
  /** Whether all of /metrics is printed. */
  readonly showsMetrics: boolean;
  /** A line that it has to print at its start. */
  readonly greeting: string;
}

const STAKE_ETHER = 32;
const EARNED = { consensusWei: parseEther('0.35'), unlockedMevWei: parseEther('0.12') };
/** A container is killed when it takes longer to stop. */
const STOP_MS = 10_000;

interface Scene extends OperatorLife, MeteredOperator {
  /** What had happened to the vault before. */
  readonly before: VaultLog;
  /** Requests that oracles had answered before. */
  readonly askedBefore: number;
}

/**
 * Starts an operator and goes through all it is for: ether arrives, validators are registered, the oracles change, exit
 * signatures rotate, rewards are harvested; then it is asked to stop. Whether a thing has happened is read from the chain.
 */
export async function liveThrough(life: OperatorLife): Promise<void> {
  const { devnet, vault, home } = life;
  const port = await freePort();
  const args = ['start', ...life.args, '--harvest-vault', '--enable-metrics', '--metrics-port', `${port}`];
  const before = await devnet.readVaultLog(vault);
  const began = performance.now();
  await using operator = startProgram(home, './operator', args, { showsLog: true });
  const askedBefore = devnet.oracles.decisions.length;
  const metricsUrl = `http://127.0.0.1:${port}/metrics`;
  const scene = { ...life, operator, before, askedBefore, metricsUrl, network: devnet.name };
  await operator.printed(life.greeting);
  await operator.printed('Started operator service');
  console.log(`(${secondsSince(began)})\n`);

  await tell(`${STAKE_ETHER * life.count} ether arrive in the vault.`, () => register(scene));
  const { count, threshold } = life.oracles;
  await tell(`The oracle set changes: ${threshold} of ${count} oracles now recover an exit.`, () =>
    rotate(scene),
  );
  await tell('The oracles publish what the vault has earned.', () => harvest(scene));
  await tell(`Metrics at ${scene.metricsUrl}:`, () => readMetrics(scene));
  await tell('SIGTERM.', () => stop(scene));
}

async function register(scene: Scene): Promise<string> {
  const { devnet, beacon, vault, operator, before, count } = scene;
  const read = () => devnet.readVaultLog(vault);
  const first = before.registered.length;
  await devnet.depositEther(STAKE_ETHER * count, vault);
  await operator.until('the registration', async () => (await read()).registered.length >= first + count);
  const { registered, registrations } = await read();
  expectEqual('registered validators', registered.join(), scene.publicKeys.slice(0, first + count).join());
  expectEqual('transactions that registered', registrations, before.registrations + 1);
  await checkDeposits(devnet, beacon, { vault, publicKeys: registered });
  await checkExits(devnet, await readApprovedExits(devnet, vault), {
    vault,
    publicKeys: registered.slice(first),
  });
  await operator.printed('Successfully registered validators');
  await expectMetric(scene, `exit_shards_mode{mode="${scene.shardModes[0]}"}`, 1);
  return `${count} validators in one transaction, the next of the deposit data: deposits verified, active for the beacon node; the oracles recover each exit.`;
}

async function rotate(scene: Scene): Promise<string> {
  const { devnet, vault, operator, before, oracles } = scene;
  const read = () => devnet.readVaultLog(vault);
  await devnet.updateOracles(oracles);
  await operator.until('the rotation', async () => (await read()).rotations.length > before.rotations.length);
  await operator.printed('Successfully rotated exit signatures');
  const { rotations, registered } = await read();
  expectEqual('rotations', rotations.length, before.rotations.length + 1);
  const [last] = rotations.slice(-1);
  await checkExits(devnet, last?.exitSignaturesIpfsHash ?? '', { vault, publicKeys: registered });
  await expectMetric(scene, 'outdated_signatures', 0);
  await expectMetric(scene, `exit_shards_mode{mode="${scene.shardModes[1]}"}`, 1);
  return `The exits of all ${registered.length} validators are with the new oracles, in one transaction; they recover each.`;
}

async function harvest(scene: Scene): Promise<string> {
  const { devnet, vault, operator, before } = scene;
  const read = async () => (await devnet.readVaultLog(vault)).harvests;
  await devnet.distributeRewards([{ vault, ...EARNED }]);
  await operator.until('the harvest', async () => (await read()).length > before.harvests.length);
  const harvests = await read();
  expectEqual('harvests', harvests.length, before.harvests.length + 1);
  const [last] = harvests.slice(-1);
  const { consensusWei, unlockedMevWei } = EARNED;
  expectEqual('wei harvested', last?.totalAssetsDelta, consensusWei + unlockedMevWei);
  expectEqual('wei of MEV harvested', last?.unlockedMevDelta, unlockedMevWei);
  expectEqual('canHarvest', (await devnet.readHarvestState(vault)).canHarvest, false);
  await operator.printed('Successfully harvested vault');
  return `Harvested to the wei: ${consensusWei + unlockedMevWei}, of it ${unlockedMevWei} of the shared MEV escrow.`;
}

async function readMetrics(scene: Scene): Promise<string> {
  const { publicKeys, before, count, showsMetrics, metricsUrl } = scene;
  await expectMetric(scene, 'unused_validator_keys', publicKeys.length - before.registered.length - count);
  for (const kind of ['register-validators', 'update-exit-signatures', 'harvest']) {
    await expectMetric(scene, `transactions_total{kind="${kind}",status="confirmed"}`, 1);
  }
  await expectMetric(scene, 'leader', 1);
  const all = (await fetchText(metricsUrl)).trim().split('\n');
  const samples = all.filter(line => line !== '' && !line.startsWith('#'));
  const wanted = samples.filter(
    line =>
      !/^(process_|nodejs_)|_(bucket|sum)\{/.test(line) && (showsMetrics || !/_(count|seconds)\{/.test(line)),
  );
  for (const line of wanted) console.log(`  | ${line}`);
  return `and ${samples.length - wanted.length} more of histograms and of the process.`;
}

async function stop({ operator, devnet, askedBefore }: Scene): Promise<string> {
  const { exitCode, afterMs } = await operator.stop();
  expectEqual('exit code after SIGTERM', exitCode, 0);
  if (afterMs > STOP_MS) throw new Error(`it took ${Math.round(afterMs)} ms to stop`);
  const answers = devnet.oracles.decisions.slice(askedBefore);
  const refusals = answers.filter(({ status }) => status !== 200);
  for (const { oracle, path, reason } of refusals)
    console.log(`  oracle ${oracle} refused ${path}: ${reason}`);
  return `Exit code ${exitCode}. The oracles were asked ${answers.length} times and refused ${refusals.length}.`;
}
