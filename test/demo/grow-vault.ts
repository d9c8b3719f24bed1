import { join } from 'node:path';
import type { BeaconNode } from '../devnet/beacon-node.ts';
import type { Devnet } from '../devnet/devnet.ts';
import { freePort } from '../devnet/listen.ts';
import { checkDeposits } from './check-operator.ts';
import { expectEqual } from './expectations.ts';
import { type Run, secondsSince, startProgram } from './runner.ts';

export interface GrowVaultOptions {
  readonly run: Run;
  readonly devnet: Devnet;
  /** It follows the chain. */
  readonly beacon: BeaconNode;
  /** The address of a vault that registers by deposit data, all of whose keys are registered. */
  readonly vault: string;
  /** `--vault` and `--data-dir`. */
  readonly local: readonly string[];
  /** `remote-db` with the options of its group. */
  readonly remoteDb: readonly string[];
  readonly folder: string;
  /** Where `setup-web3signer` writes. */
  readonly keyFolder: string;
  readonly networkFile: string;
  readonly dbUrlFile: string;
  readonly mnemonicFile: string;
  /** How many keys come each time. */
  readonly count: number;
}

const STAKE_ETHER = 32;

/** More keys for a vault whose keys are all registered: made, uploaded under a new root, registered. */
export async function growVault(options: GrowVaultOptions): Promise<void> {
  const { run, devnet, local, remoteDb, count, folder, keyFolder, dbUrlFile } = options;
  const encryptKey = ['--encrypt-key-file', join(folder, 'encrypt-key')];
  const execution = ['--execution-endpoints', devnet.rpcUrl];
  const mnemonic = ['--mnemonic-file', options.mnemonicFile];
  await run('./operator', ['create-keys', '--count', String(count), ...mnemonic, ...local]);
  const printed = await run('./operator', [
    'deposit-data',
    ...execution,
    '--db-url-file',
    dbUrlFile,
    ...local,
  ]);
  const root = /0x[0-9a-f]{64}/.exec(printed)?.[0] ?? '';
  await devnet.setDepositDataRoot(root);
  console.log(`The vault's admin sets the deposit data root ${root} on the chain.\n`);
  await run('./v3-operator', [...remoteDb, 'upload-keypairs', ...encryptKey, ...execution]);
  // Shares of the oracles of before go.
  const removals = ['--removals', 'allow'];
  await run('./v3-operator', [
    ...remoteDb,
    'setup-web3signer',
    ...encryptKey,
    ...removals,
    '--output-dir',
    keyFolder,
  ]);
  await run('./v3-operator', [...remoteDb, 'setup-operator']);
  await registerGrown(options);
}

/** Starts an operator that knows of the database and of a remote signer alone, until the new keys are registered. */
async function registerGrown(options: GrowVaultOptions): Promise<void> {
  const { devnet, beacon, vault, folder, count } = options;
  const address = `127.0.0.1:${await freePort()}`;
  const source = ['--network', options.networkFile, '--keys-dir', options.keyFolder];
  await using signer = startProgram(folder, './operator', ['signer', ...source, '--listen', address]);
  await signer.printed('Signing exits with');
  const nodes = ['--consensus-endpoints', beacon.url, '--execution-endpoints', devnet.rpcUrl];
  const database = ['--db-url-file', options.dbUrlFile, '--remote-signer-url', `http://${address}`];
  const before = await devnet.readVaultLog(vault);
  const began = performance.now();
  await using operator = startProgram(
    folder,
    './operator',
    ['start', ...options.local, ...nodes, ...database],
    {
      showsLog: true,
    },
  );
  await operator.printed('Configuration and deposit data are those of the remote database.');
  await operator.printed('Started operator service');
  console.log(`${STAKE_ETHER * count} ether arrive in the vault.`);
  await devnet.depositEther(STAKE_ETHER * count, vault);
  const wanted = before.registered.length + count;
  await operator.until('the registration', async () => {
    return (await devnet.readVaultLog(vault)).registered.length >= wanted;
  });
  const { registered } = await devnet.readVaultLog(vault);
  expectEqual('different validators registered', new Set(registered).size, wanted);
  await checkDeposits(devnet, beacon, { vault, publicKeys: registered });
  await operator.printed('Successfully registered validators');
  const { exitCode } = await operator.stop();
  expectEqual('exit code after SIGTERM', exitCode, 0);
  console.log(
    `The vault has ${wanted} validators, the last ${count} of the new deposit data. (${secondsSince(began)})\n`,
  );
}
