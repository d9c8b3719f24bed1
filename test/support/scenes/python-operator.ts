import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptKeystoreJson, Wallet } from 'ethers/wallet';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import type { BeaconNode } from '../../devnet/beacon-node.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { writeOperatorDb } from '../recorded/operator-db.ts';
import { RECORDED_VAULT, recordedDepositData, recordedRoot } from '../recorded/recorded-vault.ts';
import { recordedPath } from '../recorded/vectors.ts';
import { waitUntil } from '../wait-until.ts';
import { depositKey, makeDeposit } from './chain-deposits.ts';

/** Keys of the recorded vault. */
export const RECORDED_KEYS = 10;
const FORK_VERSION = Uint8Array.of(0x01, 0x01, 0x70, 0x00);
const WALLET_PASSWORD = 'wallet-pa55word';

export interface PythonOperatorScene extends AsyncDisposable {
  readonly devnet: Devnet;
  readonly beacon: BeaconNode;
}

/** A chain with the recorded vault of the Python operator and its root, for which the recorded deposit data is. */
export async function startPythonOperatorScene(): Promise<PythonOperatorScene> {
  await using resources = new AsyncDisposableStack();
  const devnet = resources.use(
    await startDevnet({
      genesisForkVersion: FORK_VERSION,
      oracleServers: {},
      blockTime: 1,
      slotsPerEpoch: 2,
    }),
  );
  const beacon = resources.use(await devnet.startBeaconNode());
  await devnet.placeVault(RECORDED_VAULT);
  await devnet.setDepositDataRoot(recordedRoot(), RECORDED_VAULT);
  const owned = resources.move();
  return { devnet, beacon, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * Writes what the Python operator has left: its hot wallet, which is given ether, and the key folder of its Web3Signer.
 * @returns the vault's own directory
 */
export async function writePythonFiles(
  devnet: Devnet,
  {
    dataDir,
    keyFolder,
    networkFile,
  }: { readonly dataDir: string; readonly keyFolder: string; readonly networkFile: string },
): Promise<string> {
  const own = join(dataDir, RECORDED_VAULT.toLowerCase());
  mkdirSync(join(own, 'wallet'), { recursive: true });
  mkdirSync(keyFolder);
  const wallet = new Wallet(`0x${'5a'.repeat(32)}`);
  const account = { address: wallet.address, privateKey: wallet.privateKey };
  const cheap = { scrypt: { N: 1024, r: 8, p: 1 } };
  const secret = { mode: 0o600 };
  const json = await encryptKeystoreJson(account, WALLET_PASSWORD, cheap);
  writeFileSync(join(own, 'wallet/wallet.json'), json, secret);
  writeFileSync(join(own, 'wallet/password.txt'), WALLET_PASSWORD, secret);
  const [entry] = recordedDepositData().entries;
  const first_public_key = `0x${entry?.json.pubkey}`;
  const config = { network: networkFile, mnemonic_next_index: RECORDED_KEYS, first_public_key };
  writeFileSync(join(own, 'config.json'), JSON.stringify(config));
  const recorded = recordedPath('03-remote-db/3-web3signer');
  for (const name of readdirSync(recorded)) copyFileSync(join(recorded, name), join(keyFolder, name));
  await devnet.setBalance(wallet.address, 10n ** 19n);
  return own;
}

/**
 * Has somebody else deposit a validator, and writes an `operator.db` in which the Python operator has read it.
 * @returns the block of the deposit, which is final
 */
export async function readForeignValidator(devnet: Devnet, path: string): Promise<number> {
  const block = await makeDeposit(devnet, depositKey(0), { forkVersion: FORK_VERSION });
  const { provider } = devnet.protocol;
  let finalized = 0;
  await waitUntil(
    `block ${block} to be final`,
    async () => {
      finalized = (await provider.getBlock('finalized'))?.number ?? 0;
      return finalized >= block;
    },
    { lastSeen: () => `block ${finalized}` },
  );
  writeOperatorDb(path, devnet.name, [{ publicKey: publicKeyOf(depositKey(0)), block }]);
  return block;
}
