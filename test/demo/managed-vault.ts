import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Devnet } from '../devnet/devnet.ts';
import type { Run } from './runner.ts';

/** A vault of version 5 whose validators manager is the hot wallet. */
export interface ManagedVault {
  readonly vault: string;
  /** `--vault` and `--data-dir`. */
  readonly local: readonly string[];
  /** Where its configuration, keystores and wallet lie. */
  readonly folder: string;
  /** The address of the hot wallet. */
  readonly wallet: string;
  readonly mnemonicFile: string;
}

export interface ManagedVaultOptions {
  readonly run: Run;
  readonly devnet: Devnet;
  /** The demo's. */
  readonly folder: string;
  readonly dataDir: string;
  readonly networkFile: string;
  readonly keys: number;
  /** Further options of `create-keys`. */
  readonly keyOptions?: readonly string[];
}

const WALLET_WEI = 10n ** 19n;

/** Creates the vault on the chain, and its keys and its hot wallet by the launchers. */
export async function prepareManagedVault(options: ManagedVaultOptions): Promise<ManagedVault> {
  const { run, devnet, dataDir, networkFile, keys, keyOptions = [] } = options;
  const vault = await devnet.createVault(5);
  const local = ['--vault', vault, '--data-dir', dataDir];
  const init = ['init', '--network', networkFile, '--language', 'english', '--no-verify', ...local];
  const words = await run('./operator', init, { isSecret: true });
  const mnemonicFile = join(options.folder, `mnemonic-of-${vault}`);
  writeFileSync(mnemonicFile, `${words.trim()}\n`, { mode: 0o600 });
  const mnemonic = ['--mnemonic-file', mnemonicFile];
  await run('./operator', ['create-keys', '--count', String(keys), ...keyOptions, ...mnemonic, ...local]);
  await run('./operator', ['create-wallet', ...mnemonic, ...local]);
  const folder = join(dataDir, vault.toLowerCase());
  const wallet = await fundWallet(devnet, folder);
  await devnet.setValidatorsManager(wallet, vault);
  console.log(`The vault's admin makes the hot wallet ${wallet} its validators manager.\n`);
  return { vault, local, folder, wallet, mnemonicFile };
}

/** @returns the address of the hot wallet */
export async function fundWallet(devnet: Devnet, vaultFolder: string): Promise<string> {
  const wallet: { address: string } = JSON.parse(
    readFileSync(join(vaultFolder, 'wallet', 'wallet.json'), 'utf8'),
  );
  const address = `0x${wallet.address.replace(/^0x/, '')}`;
  await devnet.setBalance(address, WALLET_WEI);
  return address;
}
