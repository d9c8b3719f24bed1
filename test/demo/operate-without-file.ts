import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { freePort } from '../devnet/listen.ts';
import { checkNothingLost, readStake, showStake } from './check-stake.ts';
import { expectEqual } from './expectations.ts';
import { type ManagedVault, prepareManagedVault } from './managed-vault.ts';
import { type Chapter, type Run, startProgram, tell } from './runner.ts';
import { PAID_EPOCHS, register, type StakeScene, stop, topUp, withdraw } from './stake-life.ts';

export interface OperateWithoutFileOptions {
  readonly run: Run;
  readonly chapter: Chapter;
  readonly folder: string;
  readonly dataDir: string;
  /** A file with the URL of a Postgres database, which is migrated. */
  readonly dbUrlFile: string;
}

/** One more than is registered: the operator says how many are left. */
const KEYS = 3;

interface World extends OperateWithoutFileOptions {
  readonly devnet: Devnet;
  readonly beaconUrl: string;
  readonly networkFile: string;
}

/** Vaults of version 5 whose operators need no deposit data, on a chain of their own with the beacon chain's rules since Electra. */
export async function operateWithoutFile(options: OperateWithoutFileOptions): Promise<void> {
  const { chapter, folder } = options;
  await using devnet = await startDevnet({
    name: 'demo-electra',
    // Another one, so that one database can have what is known of both chains.
    chainId: 31_338,
    electra: true,
    vaultVersion: 5,
    oracleServers: {},
    blockTime: 1,
    slotsPerEpoch: 2,
  });
  await using node = await devnet.startElectraNode();
  const networkFile = join(folder, 'network-electra.json');
  await devnet.writeNetworkFile(networkFile);
  const world = { ...options, devnet, networkFile, beaconUrl: node.url };
  await chapter('A vault of version 5 without deposit data, its keys in a remote signer', () =>
    stakeRemotely(world),
  );
  await chapter('The same with local keystores', () => stakeLocally(world));
}

/** The operator has neither deposit data nor keystores; one validator exits by command. */
async function stakeRemotely(world: World): Promise<void> {
  const { run, devnet, folder, dbUrlFile, networkFile } = world;
  const managed = await prepareVault(world);
  const { vault, local } = managed;
  const keystores = join(folder, 'keystores-of-the-signer');
  renameSync(join(managed.folder, 'keystores'), keystores);
  const address = `127.0.0.1:${await freePort()}`;
  const source = ['--keystores-dir', keystores, '--network', networkFile, '--vault', vault];
  const signerArgs = ['signer', ...source, '--sign-deposits', '--listen', address];
  await using signer = startProgram(folder, './operator', signerArgs);
  await signer.printed('Signing exits');
  const database = ['--db-url-file', dbUrlFile];
  const remote = ['--remote-signer-url', `http://${address}`, '--remote-signer-exclusive'];
  await using scene = await startOperator(world, managed, [...database, ...remote]);
  const allGwei = (await register(scene)) + (await topUp(scene));
  await withdraw(scene, { ether: 60, allGwei, exits: 0 });
  await stop(scene);
  console.log('The operator is stopped; the smaller validator is to exit, without its key.\n');
  await exitByCommand(world, { managed, database, allGwei });
  const listed = await run('./operator', ['tx', 'list', ...database, ...local]);
  const confirmed = listed.split('\n').filter(line => /\bconfirmed\b/.test(line)).length;
  expectEqual('confirmed transactions', confirmed, 4);
  expectEqual('void requests', (await devnet.beacon.listVoidRequests(vault)).length, 0);
}

/** Holders leave with more than partial withdrawals can bring: one validator has to exit. */
async function stakeLocally(world: World): Promise<void> {
  const managed = await prepareVault(world);
  await using scene = await startOperator(world, managed, []);
  const allGwei = (await register(scene)) + (await topUp(scene));
  await withdraw(scene, { ether: 310, allGwei, exits: 1 });
  await stop(scene);
}

/** A vault with keys and a hot wallet, and without deposit data. */
async function prepareVault(world: World): Promise<ManagedVault> {
  const managed = await prepareManagedVault({ ...world, keys: KEYS });
  rmSync(join(managed.folder, 'deposit_data.json'));
  console.log('Its deposit data, which create-keys has written, is removed: nothing here needs it.\n');
  return managed;
}

async function startOperator(
  { devnet, folder, beaconUrl }: World,
  { vault, local }: ManagedVault,
  args: readonly string[],
): Promise<StakeScene & AsyncDisposable> {
  const port = await freePort();
  const nodes = ['--consensus-endpoints', beaconUrl, '--execution-endpoints', devnet.rpcUrl];
  const metrics = ['--enable-metrics', '--metrics-port', String(port)];
  const words = ['start', ...local, ...nodes, ...args, ...metrics];
  const operator = startProgram(folder, './operator', words, { showsLog: true });
  await operator.printed('Validators of type 0x02 are registered with keys of ');
  await operator.printed(`${KEYS} unused validator keys left`);
  await operator.printed('Started operator service');
  return {
    devnet,
    vault,
    operator,
    network: devnet.name,
    metricsUrl: `http://127.0.0.1:${port}/metrics`,
    [Symbol.asyncDispose]: () => operator[Symbol.asyncDispose](),
  };
}

interface ExitOptions {
  readonly managed: ManagedVault;
  /** Options of the database that the operator has used. */
  readonly database: readonly string[];
  /** Gwei that the vault and its validators have. */
  readonly allGwei: bigint;
}

/** `exit-validators` for the vault's smallest validator, without its key. */
async function exitByCommand(
  { run, devnet, beaconUrl }: World,
  { managed, database, allGwei }: ExitOptions,
): Promise<void> {
  const { vault, local } = managed;
  const [smallest] = (await readStake(devnet, vault)).toSorted((a, b) =>
    a.balanceGwei < b.balanceGwei ? -1 : 1,
  );
  if (smallest === undefined) throw new Error('the vault has no validators');
  const nodes = ['--consensus-endpoints', beaconUrl, '--execution-endpoints', devnet.rpcUrl];
  const words = ['exit-validators', '--indexes', String(smallest.index), ...nodes, ...database, ...local];
  await run('./operator', [...words, '--dry-run'], { showsLog: true });
  await run('./operator', [...words, '--yes'], { showsLog: true });
  await tell(`${PAID_EPOCHS} epochs pass.`, async () => {
    await devnet.passEpochs(PAID_EPOCHS);
    const after = (await showStake(devnet, vault)).find(({ index }) => index === smallest.index);
    expectEqual('state', after?.status, 'withdrawal_done');
    expectEqual('gwei that are left', after?.balanceGwei, 0n);
    await checkNothingLost(devnet, vault, allGwei);
    return `Validator ${smallest.index} has exited without its key, and all of its stake is in the vault.`;
  });
}
