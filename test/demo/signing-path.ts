import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { BeaconNode } from '../devnet/beacon-node.ts';
import { credentialsOf } from '../devnet/deposit-data.ts';
import type { Devnet } from '../devnet/devnet.ts';
import { exitSigningRoot, hex, isSignedBy, unhex } from '../devnet/exit-signature.ts';
import { startKeymanager } from '../devnet/keymanager.ts';
import { BEACON_CHAIN, EXIT_EPOCH } from '../devnet/network-file.ts';
import { expectEqual } from './expectations.ts';
import { type Run, startProgram } from './runner.ts';

/** 256 epochs of two slots of a second. */
const SHARD_COMMITTEE_PERIOD_SECONDS = 256 * 2;

export interface SigningPathOptions {
  readonly run: Run;
  readonly devnet: Devnet;
  /** It follows the chain. */
  readonly beacon: BeaconNode;
  readonly vault: string;
  /** `--vault` and `--data-dir`. */
  readonly local: readonly string[];
  readonly folder: string;
  /** What `setup-web3signer` wrote. */
  readonly keyFolder: string;
  /** What `setup-operator` wrote. */
  readonly operatorFolder: string;
  readonly networkFile: string;
  readonly keys: number;
}

/** Exits the registered validators with local keystores and with a remote signer that has shares only; recovers the vault. */
export async function exitValidators(options: SigningPathOptions): Promise<void> {
  const { run, devnet, beacon, vault, local, folder, networkFile, keys } = options;
  const vaultFolder = join(folder, 'data', vault.toLowerCase());
  const own = beacon.validators.filter(
    one => hex(one.withdrawalCredentials) === hex(credentialsOf(vault)) && one.status === 'active_ongoing',
  );
  expectEqual('active validators of the vault', own.length, keys);
  // Younger ones are not let out.
  await devnet.passSeconds(SHARD_COMMITTEE_PERIOD_SECONDS);
  const exit = ['validators-exit', '--consensus-endpoints', beacon.url, '--yes', ...local];
  console.log('The built-in signer, spawned for one command, exits two validators with the local keystores.');
  await run('./operator', [...exit, '--count', '2']);
  expectEqual('exits in the pool', beacon.pool.size, 2);
  beacon.includeExits();

  await using remote = await startKeymanager(BEACON_CHAIN);
  const endpoints = ['--execution-endpoints', devnet.rpcUrl, '--remote-signer-url', remote.url];
  await run('./operator', ['remote-signer-setup', ...endpoints, ...local]);
  const left = readdirSync(join(vaultFolder, 'keystores'));
  const shares = keys * devnet.oracleSet.oracles.length;
  if (remote.keys.size !== shares) throw new Error(`the signer has ${remote.keys.size} keys, not ${shares}`);
  if (left.length > 0) throw new Error(`keystores are left: ${left.join(', ')}`);
  if (!existsSync(join(vaultFolder, 'remote_signer_config.json'))) throw new Error('no configuration');

  console.log('The remote signer has shares only: each exit is recombined of them.');
  await run('./operator', [...exit, '--remote-signer-url', remote.url]);
  beacon.includeExits();
  const active = own.filter(({ status }) => status === 'active_ongoing');
  if (active.length > 0) throw new Error(`${active.length} validators have not exited`);

  console.log('And from the mnemonic and the chain alone, the vault comes back:');
  for (const validator of own) validator.status = 'active_ongoing';
  const elsewhere = join(folder, 'recovered');
  mkdirSync(elsewhere);
  await run('./operator', [
    'recover',
    '--vault',
    vault,
    '--data-dir',
    elsewhere,
    '--network',
    networkFile,
    '--kdf',
    'pbkdf2',
    '--mnemonic-file',
    join(folder, 'mnemonic'),
    '--consensus-endpoints',
    beacon.url,
    '--execution-endpoints',
    devnet.rpcUrl,
  ]);
  const recovered = readdirSync(join(elsewhere, vault.toLowerCase(), 'keystores'));
  expectEqual('recovered keystores', recovered.filter(name => name.startsWith('keystore-')).length, keys);
}

/** `signer` loads the key files; every key and share of the operator's configuration signs, and another library agrees. */
export async function signWithWrittenFiles({
  folder,
  keyFolder,
  operatorFolder,
  networkFile,
  keys,
}: SigningPathOptions): Promise<void> {
  const socket = join(folder, 'signer', 'signer.sock');
  const args = ['signer', '--network', networkFile, '--keys-dir', keyFolder, '--socket', socket];
  await using signer = startProgram(folder, './operator', args);
  await signer.printed('Signing exits with');
  const config = JSON.parse(readFileSync(join(operatorFolder, 'remote_signer_config.json'), 'utf8'));
  const entries = Object.entries<string[]>(config.pubkeys_to_shares);
  let signed = 0;
  for (const [index, [publicKey, shares]] of entries.entries()) {
    for (const key of [publicKey, ...shares]) {
      const exit = { epoch: EXIT_EPOCH, validatorIndex: BigInt(index) };
      const signature = await requestExit(socket, key, exit);
      const root = exitSigningRoot(exit, BEACON_CHAIN);
      if (!isSignedBy(unhex(key), root, unhex(signature))) throw new Error(`wrong signature of ${key}`);
      signed++;
    }
  }
  if (entries.length !== keys) throw new Error(`${entries.length} validators in the configuration`);
  console.log(`${signed} exits signed through it, each verified with another library.\n`);
}

async function requestExit(
  socketPath: string,
  publicKey: string,
  exit: { epoch: bigint; validatorIndex: bigint },
): Promise<string> {
  const version = hex(BEACON_CHAIN.capellaForkVersion);
  const body = JSON.stringify({
    type: 'VOLUNTARY_EXIT',
    signing_root: hex(exitSigningRoot(exit, BEACON_CHAIN)),
    fork_info: {
      fork: { previous_version: version, current_version: version, epoch: String(exit.epoch) },
      genesis_validators_root: hex(BEACON_CHAIN.genesisValidatorsRoot),
    },
    voluntary_exit: { epoch: String(exit.epoch), validator_index: String(exit.validatorIndex) },
  });
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  const path = `/api/v1/eth2/sign/${publicKey}`;
  const answer = await new Promise<string>((resolve, reject) => {
    const sent = request({ socketPath, path, method: 'POST', headers }, response =>
      resolve(text(response).then(body => (response.statusCode === 200 ? body : Promise.reject(body)))),
    );
    sent.on('error', reject).end(body);
  });
  return JSON.parse(answer).signature;
}
