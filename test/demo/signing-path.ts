import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startBeaconNode } from '../devnet/beacon-node.ts';
import type { Devnet } from '../devnet/devnet.ts';
import { type ExitChain, exitSigningRoot, hex, isSignedBy, unhex } from '../devnet/exit-signature.ts';
import { startKeymanager } from '../devnet/keymanager.ts';
import { type Run, startProgram } from './runner.ts';

export interface SigningPathOptions {
  readonly run: Run;
  readonly devnet: Devnet;
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

/** Signs exits with what the remote-db workflow wrote, moves keys into a remote signer, and exits the validators. */
export async function walkSigningPath(options: SigningPathOptions): Promise<void> {
  const { run, devnet, vault, local, folder, networkFile, keys } = options;
  const network = JSON.parse(readFileSync(networkFile, 'utf8'));
  const chain: ExitChain = {
    genesisValidatorsRoot: unhex(network.genesisValidatorsRoot),
    capellaForkVersion: unhex(network.capellaForkVersion),
  };
  await signWithWrittenFiles(options, chain, network.capellaForkEpoch);

  const vaultFolder = join(folder, 'data', vault.toLowerCase());
  const publicKeys = JSON.parse(readFileSync(join(vaultFolder, 'deposit_data.json'), 'utf8')).map(
    (entry: { pubkey: string }) => unhex(entry.pubkey),
  );
  await using beacon = await startBeaconNode(chain);
  const withdrawalCredentials = Buffer.from(`01${'00'.repeat(11)}${vault.slice(2)}`, 'hex');
  for (const publicKey of publicKeys) beacon.addValidator(publicKey, { withdrawalCredentials });
  const exit = ['validators-exit', '--consensus-endpoints', beacon.url, '--yes', ...local];
  console.log('The built-in signer, spawned for one command, exits two validators with the local keystores.');
  await run('./operator', [...exit, '--count', '2']);
  beacon.includeExits();

  await using remote = await startKeymanager(chain);
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
  const active = beacon.validators.filter(({ status }) => status === 'active_ongoing');
  if (active.length > 0) throw new Error(`${active.length} validators have not exited`);

  console.log('And from the mnemonic and the chain alone, the vault comes back:');
  for (const validator of beacon.validators) validator.status = 'active_ongoing';
  await devnet.emitRegistrations(publicKeys);
  const elsewhere = join(folder, 'recovered');
  mkdirSync(elsewhere);
  await run('./operator', [
    ...['recover', '--vault', vault, '--data-dir', elsewhere, '--network', networkFile, '--kdf', 'pbkdf2'],
    ...['--mnemonic-file', join(folder, 'mnemonic'), '--consensus-endpoints', beacon.url],
    ...['--execution-endpoints', devnet.rpcUrl],
  ]);
}

/** `signer` loads the key files; every key and share of the operator's configuration signs, and another library agrees. */
async function signWithWrittenFiles(
  { folder, keyFolder, operatorFolder, networkFile, keys }: SigningPathOptions,
  chain: ExitChain,
  epoch: number,
): Promise<void> {
  const socket = join(folder, 'signer', 'signer.sock');
  const args = ['signer', '--network', networkFile, '--keys-dir', keyFolder, '--socket', socket];
  await using signer = startProgram(folder, './operator', args);
  await signer.printed('Signing exits with');
  const config = JSON.parse(readFileSync(join(operatorFolder, 'remote_signer_config.json'), 'utf8'));
  const entries = Object.entries<string[]>(config.pubkeys_to_shares);
  let signed = 0;
  for (const [index, [publicKey, shares]] of entries.entries()) {
    for (const key of [publicKey, ...shares]) {
      const exit = { epoch: BigInt(epoch), validatorIndex: BigInt(index) };
      const signature = await requestExit(socket, key, exit, chain);
      const root = exitSigningRoot(exit, chain);
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
  chain: ExitChain,
): Promise<string> {
  const version = hex(chain.capellaForkVersion);
  const body = JSON.stringify({
    type: 'VOLUNTARY_EXIT',
    signing_root: hex(exitSigningRoot(exit, chain)),
    fork_info: {
      fork: { previous_version: version, current_version: version, epoch: String(exit.epoch) },
      genesis_validators_root: hex(chain.genesisValidatorsRoot),
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
