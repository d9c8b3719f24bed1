import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encryptKeystoreJson, Wallet } from 'ethers/wallet';
import { formatDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { createDepositData } from '../../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../../src/domain/protocol/deposit-tree.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import type { BeaconNode } from '../../devnet/beacon-node.ts';
import { type Devnet, type DevnetOptions, startDevnet } from '../../devnet/devnet.ts';
import { pgliteTemplate } from '../postgres/pglite-template.ts';
import { createCheapKeystore } from './bad-input/keystore.ts';

export const KEYSTORE_PASSWORD = 'keystore-pa55word';
export const WALLET_PASSWORD = 'wallet-pa55word';

/** A devnet with oracles and a beacon node, and the data directory of an operator of its vault. */
export interface OperatorScene extends AsyncDisposable {
  readonly devnet: Devnet;
  readonly beacon: BeaconNode;
  readonly vault: string;
  readonly folder: string;
  readonly dataDir: string;
  /** The directory of the vault, below the data directory. */
  readonly vaultDir: string;
  readonly networkFile: string;
  readonly wallet: string;
  /** The public keys of the vault's validators, in the order of the deposit data. */
  readonly publicKeys: readonly string[];
  readonly secretKeys: readonly Uint8Array[];
  /** `--vault`, `--data-dir` and the endpoints. */
  readonly args: readonly string[];
  /** A copy of the data directory, for a second operator with a database of its own. */
  writeDataDir(name: string): string;
}

export interface OperatorSceneOptions extends DevnetOptions {
  readonly validators?: number;
  /** Who registers for a vault of version 2 and later. Default: the hot wallet. */
  readonly manager?: 'wallet' | 'registry';
  /** Whether data directories have an embedded database that has been migrated, which an operator with another never opens. */
  readonly hasEmbeddedDatabase?: boolean;
}

/** Starts it with one-second slots and blocks; keystores and wallet cost nothing to open. */
export async function startOperatorScene(options: OperatorSceneOptions = {}): Promise<OperatorScene> {
  const {
    validators = 4,
    vaultVersion = 1,
    manager = 'wallet',
    hasEmbeddedDatabase = true,
    ...rest
  } = options;
  const embedded = hasEmbeddedDatabase ? await pgliteTemplate() : undefined;
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-start-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const devnet = stack.use(
    await startDevnet({ oracleServers: {}, blockTime: 1, slotsPerEpoch: 2, vaultVersion, ...rest }),
  );
  const beacon = stack.use(await devnet.startBeaconNode());
  const { vault } = devnet.addresses;
  const networkFile = join(folder, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  const network = resolveNetwork(networkFile);
  const secretKeys = Array.from({ length: validators }, (_, i) => new Uint8Array(32).fill(i + 1, 1));
  const entries = secretKeys.map(secretKey =>
    createDepositData({ secretKey, vault: fromHex(vault, 20), network }),
  );
  const wallet = new Wallet(`0x${'5a'.repeat(32)}`);
  await devnet.setBalance(wallet.address, 10n ** 19n);
  const registry = devnet.addresses.depositDataRegistry;
  if (vaultVersion > 1) await devnet.setValidatorsManager(manager === 'wallet' ? wallet.address : registry);
  if (vaultVersion === 1 || manager === 'registry') {
    await devnet.setDepositDataRoot(buildDepositTree(entries, fromHex(vault, 20)).root);
  }
  const walletJson = await encryptKeystoreJson(
    { address: wallet.address, privateKey: wallet.privateKey },
    WALLET_PASSWORD,
    { scrypt: { N: 1024, r: 8, p: 1 } },
  );
  const writeDataDir = (name: string) => {
    const dataDir = join(folder, name);
    const own = join(dataDir, vault.toLowerCase());
    mkdirSync(join(own, 'keystores'), { recursive: true });
    mkdirSync(join(own, 'wallet'));
    embedded?.copyTo(join(own, 'operator-db'));
    const write = (path: string, text: string) => writeFileSync(join(own, path), text, { mode: 0o600 });
    write(
      'config.json',
      JSON.stringify({
        network: networkFile,
        mnemonic_next_index: validators,
        first_public_key: toHex(publicKeyOf(secretKeys[0] ?? new Uint8Array())),
      }),
    );
    write('deposit_data.json', formatDepositData(entries));
    write('wallet/wallet.json', walletJson);
    write('wallet/password.txt', WALLET_PASSWORD);
    write('keystores/password.txt', KEYSTORE_PASSWORD);
    for (const [i, secretKey] of secretKeys.entries()) {
      const publicKey = Buffer.from(publicKeyOf(secretKey)).toString('hex');
      const keystore = createCheapKeystore(secretKey, publicKey, KEYSTORE_PASSWORD);
      write(`keystores/keystore-${i}.json`, JSON.stringify(keystore));
    }
    return dataDir;
  };
  const dataDir = writeDataDir('data');
  const owned = stack.move();
  return {
    devnet,
    beacon,
    vault,
    folder,
    dataDir,
    networkFile,
    writeDataDir,
    wallet: wallet.address,
    secretKeys,
    vaultDir: join(dataDir, vault.toLowerCase()),
    publicKeys: entries.map(entry => toHex(entry.publicKey)),
    args: [
      '--vault',
      vault,
      '--data-dir',
      dataDir,
      '--execution-endpoints',
      devnet.rpcUrl,
      '--consensus-endpoints',
      beacon.url,
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The words of a command below `remote-db` for the scene's vault. */
export function remoteDbArguments(
  { vault, networkFile, dataDir }: Pick<OperatorScene, 'vault' | 'networkFile' | 'dataDir'>,
  dbUrl: string,
  args: readonly string[],
): string[] {
  const vaultArgs = ['--vault', vault, '--network', networkFile, '--data-dir', dataDir];
  return ['remote-db', '--db-url', dbUrl, ...vaultArgs, ...args];
}
