import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { BeaconNode } from '../devnet/beacon-node.ts';
import type { Devnet } from '../devnet/devnet.ts';
import { freePort } from '../devnet/listen.ts';
import { fundWallet, prepareManagedVault } from './managed-vault.ts';
import { liveThrough } from './operator-life.ts';
import { type Chapter, type Run, startProgram } from './runner.ts';

export interface OperateOptions {
  readonly run: Run;
  readonly chapter: Chapter;
  readonly devnet: Devnet;
  /** It follows the chain. */
  readonly beacon: BeaconNode;
  /** The address of a vault of version 1, whose deposit data root is on the chain. */
  readonly vault: string;
  /** `--vault` and `--data-dir`. */
  readonly local: readonly string[];
  readonly folder: string;
  readonly dataDir: string;
  /** What `setup-web3signer` wrote. */
  readonly keyFolder: string;
  readonly networkFile: string;
  readonly dbUrlFile: string;
  readonly keys: number;
  readonly oracles: { readonly count: number; readonly threshold: number };
}

const V5_KEYS = 2;

/** The operator with a remote signer, with local keystores, and with a vault of another version. */
export async function operate(options: OperateOptions): Promise<void> {
  const { chapter } = options;
  await chapter('The operator, its keys in a remote signer', () => operateRemotely(options));
  await chapter('The same operator, its keys in local keystores', () => operateLocally(options));
  await chapter('A vault of version 5, state in Postgres', () => operateVersion5(options));
}

/** Keys and shares are in the signer, as the remote database has written them; there are no keystores here. */
async function operateRemotely(options: OperateOptions): Promise<void> {
  const { devnet, folder, keyFolder, networkFile, oracles, keys } = options;
  const vaultFolder = vaultFolderOf(options, options.vault);
  await fundWallet(devnet, vaultFolder);
  const address = `127.0.0.1:${await freePort()}`;
  const source = ['--network', networkFile, '--keys-dir', keyFolder];
  await using signer = startProgram(folder, './operator', ['signer', ...source, '--listen', address]);
  await signer.printed('Signing exits with');
  const keystores = join(vaultFolder, 'keystores');
  const elsewhere = join(folder, 'keystores-elsewhere');
  renameSync(keystores, elsewhere);
  await liveThrough({
    ...lifeOf(options, options.vault),
    args: [...options.local, ...nodesOf(options), '--remote-signer-url', `http://${address}`],
    greeting: `Using remote signer at http://${address} for ${keys} public keys`,
    count: keys / 2,
    // One leaves: shares in the signer are of the set before.
    oracles: { count: oracles.count - 1, threshold: oracles.threshold - 1 },
    shardModes: ['key-shares', 'split'],
    showsMetrics: true,
  });
  renameSync(elsewhere, keystores);
}

async function operateLocally(options: OperateOptions): Promise<void> {
  const { oracles, keys } = options;
  await liveThrough({
    ...lifeOf(options, options.vault),
    args: [...options.local, ...nodesOf(options)],
    greeting: `Loaded ${keys} keys`,
    count: keys - keys / 2,
    // And another one comes.
    oracles,
    shardModes: ['split', 'split'],
    showsMetrics: false,
  });
}

/** The hot wallet is the vault's validators manager; the operator's state is in Postgres. */
async function operateVersion5(options: OperateOptions): Promise<void> {
  const { run, dbUrlFile, oracles } = options;
  const { vault, local } = await prepareManagedVault({ ...options, keys: V5_KEYS });
  const database = ['--db-url-file', dbUrlFile];
  await liveThrough({
    ...lifeOf(options, vault),
    args: [...local, ...nodesOf(options), ...database, '--validator-type', '0x01'],
    greeting: `Vault ${vault} has version 5`,
    count: V5_KEYS,
    oracles: { count: oracles.count + 1, threshold: oracles.threshold },
    shardModes: ['split', 'split'],
    showsMetrics: false,
  });
  const listed = await run('./operator', ['tx', 'list', ...database, ...local]);
  const confirmed = listed.split('\n').filter(line => /\bconfirmed\b/.test(line)).length;
  if (confirmed !== 3) throw new Error(`${confirmed} confirmed transactions, not 3`);
}

function lifeOf(options: OperateOptions, vault: string) {
  const { devnet, beacon, folder } = options;
  const file = join(vaultFolderOf(options, vault), 'deposit_data.json');
  const entries: { readonly pubkey: string }[] = JSON.parse(readFileSync(file, 'utf8'));
  const publicKeys = entries.map(({ pubkey }) => `0x${pubkey.replace(/^0x/, '')}`);
  return { devnet, beacon, vault, publicKeys, home: folder };
}

function nodesOf({ devnet, beacon }: OperateOptions): string[] {
  return ['--consensus-endpoints', beacon.url, '--execution-endpoints', devnet.rpcUrl];
}

function vaultFolderOf({ dataDir }: OperateOptions, vault: string): string {
  return join(dataDir, vault.toLowerCase());
}
