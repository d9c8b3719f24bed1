import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { deriveSecretKey, publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { createDepositData } from '../../../src/domain/keys/signed-deposit.ts';
import type { Network } from '../../../src/networks/network.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import type { VaultRef } from '../../../src/services/remote-db/unlock-vault.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import type { OraclesOptions } from '../../devnet/oracles.ts';
import { type ProcessRun, runRemoteDbIn } from '../faults/killed-process.ts';
import { startStandingPrograms } from '../programs/standing-program.ts';
import { encryptV3Record, storePythonVault } from '../recorded/python-database.ts';
import { createCheapKeystore } from './bad-input/keystore.ts';

export const ORACLES = 3;
export const THRESHOLD = 2;

/** A vault on a devnet with key folders of any size; keystores cost nothing to open. */
export interface WorkflowFixture extends AsyncDisposable {
  readonly devnet: Devnet;
  readonly folder: string;
  readonly network: Network;
  readonly ref: VaultRef;
  /** Public keys of the first `count` validators, 0x hex, sorted. */
  publicKeys(count: number): string[];
  /** The vault's encryption key, once `remote-db setup` has run here. */
  readEncryptKey(): string;
  /** Options of every `remote-db` command, the database left out. */
  readonly vaultArgs: readonly string[];
  readonly keyArgs: readonly string[];
  /** Command line of `upload-keypairs` with the keystores of the first `count` validators. */
  uploadArgs(count: number): string[];
  /** Stores the first `count` validators in an empty database as the Python operator does. */
  storeAsPython(databaseUrl: string, count: number): Promise<void>;
  /** Command line of `import-v3-operator` from such a database. */
  importArgs(sourceUrl: string): string[];
  setupWeb3SignerArgs(directory: string, ...more: readonly string[]): string[];
  setupValidatorArgs(client: number, clients: number, directory: string): string[];
  /** Runs a `remote-db` command to its end. */
  runToEnd(databaseUrl: string, args: readonly string[]): Promise<ProcessRun>;
  /** Runs one that must succeed. */
  run(databaseUrl: string, args: readonly string[]): Promise<void>;
}

/**
 * @param validators - how many keys there are to upload, at most
 * @param oracles - another set than that of {@link ORACLES}
 */
export async function startWorkflow(
  validators: number,
  {
    oracles = ORACLES,
    threshold = THRESHOLD,
    oracleServers,
  }: { readonly oracles?: number; readonly threshold?: number; readonly oracleServers?: OraclesOptions } = {},
): Promise<WorkflowFixture> {
  await using resources = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-proof-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  const programs = resources.use(startStandingPrograms(2));
  const devnet = resources.use(
    await startDevnet(
      oracleServers === undefined
        ? { name: 'proof', oracles, threshold }
        : { name: 'proof', oracles, threshold, oracleServers },
    ),
  );
  const { vault } = devnet.addresses;
  const networkFile = join(folder, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  const network = resolveNetwork(networkFile);
  const seed = new Uint8Array(32).fill(7);
  const secretKeys = Array.from({ length: validators }, (_, index) => deriveSecretKey(seed, index));
  const keystores = new Set<number>();
  const pythonKey = new Uint8Array(32).fill(9);

  const vaultArgs = ['--vault', vault, '--network', networkFile, '--data-dir', join(folder, 'data')];
  const keyArgs = ['--encrypt-key-file', join(folder, 'encrypt-key')];
  const keyFolder = (count: number) => {
    const directory = join(folder, `keys-${count}`);
    if (!keystores.has(count)) writeKeyFolder(directory, secretKeys.slice(0, count), { network, vault });
    keystores.add(count);
    return directory;
  };
  const runToEnd = (databaseUrl: string, args: readonly string[]) =>
    runRemoteDbIn(programs, { args, databaseUrl });
  const owned = resources.move();
  return {
    devnet,
    folder,
    network,
    vaultArgs,
    keyArgs,
    ref: { network, address: vault },
    publicKeys: count =>
      secretKeys
        .slice(0, count)
        .map(key => `0x${Buffer.from(publicKeyOf(key)).toString('hex')}`)
        .sort(),
    readEncryptKey: () => readFileSync(join(folder, 'encrypt-key'), 'utf8').trim(),
    uploadArgs: count => [
      'upload-keypairs',
      ...vaultArgs,
      ...keyArgs,
      '--execution-endpoints',
      devnet.rpcUrl,
      '--keystores-dir',
      keyFolder(count),
      '--pool-size',
      '1',
      '--deposit-data-file',
      join(keyFolder(count), 'deposit_data.json'),
    ],
    storeAsPython: (databaseUrl, count) =>
      storePythonVault(databaseUrl, {
        network: network.name,
        vault,
        records: secretKeys.slice(0, count).map(key => encryptV3Record(pythonKey, key)),
        depositData: readFileSync(join(keyFolder(count), 'deposit_data.json'), 'utf8'),
      }),
    importArgs: sourceUrl => {
      const secretFile = (name: string, text: string) => {
        writeFileSync(join(folder, name), text, { mode: 0o600 });
        return join(folder, name);
      };
      return [
        'import-v3-operator',
        ...vaultArgs,
        ...keyArgs,
        '--from-db-url-file',
        secretFile('python-db-url', sourceUrl),
        '--from-encrypt-key-file',
        secretFile('python-encrypt-key', Buffer.from(pythonKey).toString('base64')),
        '--execution-endpoints',
        devnet.rpcUrl,
        '--pool-size',
        '1',
      ];
    },
    setupWeb3SignerArgs: (directory, ...more) => [
      'setup-web3signer',
      ...vaultArgs,
      ...keyArgs,
      '--output-dir',
      directory,
      ...more,
    ],
    setupValidatorArgs: (client, clients, directory) => [
      'setup-validator',
      ...vaultArgs,
      '--output-dir',
      directory,
      '--validator-index',
      String(client),
      '--total-validators',
      String(clients),
      '--web3signer-endpoint',
      'http://web3signer:9000',
      '--fee-recipient',
      vault,
    ],
    runToEnd,
    run: async (databaseUrl, args) => {
      const { exitCode, stderr } = await runToEnd(databaseUrl, args);
      if (exitCode !== 0) throw new Error(`remote-db ${args[0]} ended with ${exitCode}: ${stderr}`);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function writeKeyFolder(
  directory: string,
  secretKeys: readonly Uint8Array[],
  { network, vault }: { network: Network; vault: string },
): void {
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  const secret = { mode: 0o600 };
  writeFileSync(join(directory, 'password.txt'), 'a password', secret);
  for (const [index, secretKey] of secretKeys.entries()) {
    const publicKey = Buffer.from(publicKeyOf(secretKey)).toString('hex');
    const keystore = createCheapKeystore(secretKey, publicKey, 'a password');
    writeFileSync(join(directory, `keystore-${index}.json`), JSON.stringify(keystore), secret);
  }
  const address = Buffer.from(vault.slice(2), 'hex');
  const entries = secretKeys.map(secretKey => createDepositData({ secretKey, vault: address, network }));
  writeFileSync(join(directory, 'deposit_data.json'), formatDepositData(entries));
}
