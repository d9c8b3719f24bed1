import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DepositDataEntry, formatDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { createDepositData } from '../../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../../src/domain/protocol/deposit-tree.ts';
import { fromHex, type Hex, toHex } from '../../../src/lib/bytes.ts';
import { createCheapKeystore } from './bad-input/keystore.ts';
import type { RegistrationScene, SceneVault } from './registration-scene.ts';

const GROWING_PASSWORD = 'keystore-pa55word';

type SceneValidator = SceneVault['validators'][number];

/** A vault of a registration scene that has registered some of its validators, and its directory as commands find it. */
export interface GrowingVault {
  readonly vault: SceneVault;
  /** Public keys in the order of the deposit data, 0x hex. */
  readonly keys: readonly Hex[];
  /** The directory of the vault, and the path of its deposit data. */
  readonly vaultDir: string;
  readonly depositDataFile: string;
  /** `--vault`, `--data-dir` and `--execution-endpoints`. */
  readonly args: readonly string[];
}

let made = 0;

/** A validator of a vault that no deposit data names; its key is in the scene's signer unless told otherwise. */
export function addValidator(
  scene: RegistrationScene,
  vault: string,
  { isLoaded = true }: { readonly isLoaded?: boolean } = {},
): SceneValidator {
  const secretKey = new Uint8Array(32).fill(0x21, 1, 20);
  new DataView(secretKey.buffer).setUint32(20, ++made);
  const entry = createDepositData({ secretKey, vault: fromHex(vault, 20), network: scene.network });
  if (isLoaded) scene.signer.addKey(toHex(entry.publicKey), { secretKey, path: '', isReadOnly: false });
  return { secretKey, entry };
}

/** Root of deposit data of these validators, in this order. */
export function rootOf(vault: string, validators: readonly SceneValidator[]): Hex {
  return toHex(
    buildDepositTree(
      validators.map(({ entry }) => entry),
      fromHex(vault, 20),
    ).root,
  );
}

/** Makes a vault that takes its validators by deposit data, and registers the first ones of it. */
export async function growingVault(
  scene: RegistrationScene,
  folder: string,
  options: { readonly version: number; readonly validators: number; readonly registered: number },
): Promise<GrowingVault> {
  const { version, validators, registered } = options;
  const vault = await scene.createVault(version, { validators, manager: 'registry', ether: 32 * registered });
  if (registered > 0) {
    const { run } = await scene.openRegistrar(vault);
    const outcome = await run();
    if (outcome.status !== 'registered') throw new Error(`nothing is registered: ${outcome.status}`);
  }
  const vaultDir = join(folder, 'data', vault.address.toLowerCase());
  mkdirSync(vaultDir, { recursive: true });
  const networkFile = join(folder, 'network.json');
  await scene.devnet.writeNetworkFile(networkFile);
  const [first] = vault.validators;
  const config = {
    network: networkFile,
    mnemonic_next_index: validators,
    first_public_key: toHex(first?.entry.publicKey ?? new Uint8Array()),
  };
  writeFileSync(join(vaultDir, 'config.json'), JSON.stringify(config));
  const depositDataFile = join(vaultDir, 'deposit_data.json');
  writeDeposits(depositDataFile, vault.validators);
  return {
    vault,
    keys: vault.validators.map(({ entry }) => toHex(entry.publicKey)),
    vaultDir,
    depositDataFile,
    args: [
      '--vault',
      vault.address,
      '--data-dir',
      join(folder, 'data'),
      '--execution-endpoints',
      scene.devnet.rpcUrl,
    ],
  };
}

/** Writes deposit data. */
export function writeDeposits(
  path: string,
  validators: readonly { readonly entry: DepositDataEntry }[],
): void {
  writeFileSync(path, formatDepositData(validators.map(({ entry }) => entry)));
}

/** Writes keystores of validators that open at once, by their places in the mnemonic, and their password. */
export function writeGrownKeystores(
  directory: string,
  validators: readonly Pick<SceneValidator, 'secretKey'>[],
  firstIndex = 0,
): void {
  mkdirSync(directory, { recursive: true });
  const secret = { mode: 0o600 };
  writeFileSync(join(directory, 'password.txt'), GROWING_PASSWORD, secret);
  for (const [i, { secretKey }] of validators.entries()) {
    const publicKey = Buffer.from(publicKeyOf(secretKey)).toString('hex');
    const index = firstIndex + i;
    const path = `m/12381/3600/${index}/0/0`;
    const keystore = { ...createCheapKeystore(secretKey, publicKey, GROWING_PASSWORD), path };
    writeFileSync(join(directory, `keystore-${index}.json`), JSON.stringify(keystore), secret);
  }
}
