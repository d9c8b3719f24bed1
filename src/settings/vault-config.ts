import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { checksumAddress } from '../lib/address.ts';
import { fromHex, toHex } from '../lib/bytes.ts';
import { OperatorError, UsageError } from '../lib/errors.ts';
import {
  createFileExclusive,
  ensureDirectory,
  PUBLIC_FILE_MODE,
  readTextFile,
  removeLeftovers,
  writeFileAtomic,
} from '../lib/files.ts';
import { describeJsonError } from '../lib/json.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { describeFault, matchSchema } from '../lib/match-schema.ts';
import { formatPythonJson } from '../lib/python-json.ts';
import type { Network } from '../networks/network.ts';
import { canonicalNetworkName } from '../networks/network-name.ts';
import { resolveNetwork } from '../networks/resolve-network.ts';
import { vaultConfigPath, vaultDirectory } from './vault-directory.ts';

/** `<data-dir>/<vault in lower case>/config.json`, written by `init`. */
export interface VaultConfig {
  /** A built-in name or the absolute path of a network file. */
  readonly network: string;
  /** Index of the next validator key that `create-keys` makes. */
  readonly mnemonicNextIndex: number;
  /** 48 bytes: recognises the vault's mnemonic. */
  readonly firstPublicKey: Uint8Array;
}

const schema = z.looseObject({
  network: z.string().min(1),
  mnemonic_next_index: z.int().min(0),
  first_public_key: z.string().regex(/^(?:0[xX])?[0-9a-fA-F]{96}$/, 'must be 48 bytes of hex'),
});

/**
 * Configuration of a vault.
 * @throws OperatorError 'vault-not-initialised' without `init`; 'invalid-config' naming file and field
 */
export async function readVaultConfig(dataDirectory: string, vault: string): Promise<VaultConfig> {
  const document = await readDocument(dataDirectory, vault);
  return {
    network: document.network,
    mnemonicNextIndex: document.mnemonic_next_index,
    firstPublicKey: fromHex(document.first_public_key, PUBLIC_KEY_LENGTH),
  };
}

/** Refuses to go on when a vault has its configuration already. @throws OperatorError 'vault-initialised' */
export function assertNoVaultConfig(dataDirectory: string, vault: string): void {
  const path = vaultConfigPath(dataDirectory, vault);
  if (!existsSync(path)) return;
  throw new OperatorError('vault-initialised', `The vault is initialised already: ${path} exists.`, {
    hint: 'Go on with "create-keys" and the mnemonic of the first "init". Move the file away for a new mnemonic.',
  });
}

/** Makes the vault's directory and writes its configuration. @throws OperatorError 'file-exists': it never replaces one */
export async function createVaultConfig(
  dataDirectory: string,
  vault: string,
  config: VaultConfig,
): Promise<void> {
  const text = formatPythonJson({
    network: config.network,
    mnemonic_next_index: config.mnemonicNextIndex,
    first_public_key: toHex(config.firstPublicKey),
  });
  const directory = vaultDirectory(dataDirectory, vault);
  await ensureDirectory(directory, { mode: 0o755 });
  const path = vaultConfigPath(dataDirectory, vault);
  await removeLeftovers(directory, basename(path));
  await createFileExclusive(path, text, { mode: PUBLIC_FILE_MODE });
}

/** Configuration of a vault, or undefined before `init`. @throws OperatorError 'invalid-config' */
export async function findVaultConfig(
  dataDirectory: string,
  vault: string,
): Promise<VaultConfig | undefined> {
  try {
    return await readVaultConfig(dataDirectory, vault);
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'vault-not-initialised') return undefined;
    throw error;
  }
}

/** Moves `mnemonic_next_index`; every other field of the file stays as it is, also one that we do not know. */
export async function updateMnemonicNextIndex(
  dataDirectory: string,
  vault: string,
  index: number,
): Promise<void> {
  const document = { ...(await readDocument(dataDirectory, vault)), mnemonic_next_index: index };
  await writeFileAtomic(vaultConfigPath(dataDirectory, vault), formatPythonJson(document), {
    mode: PUBLIC_FILE_MODE,
  });
}

/**
 * The network that keys of a vault are made for: always that of its config.json, because deposit data for another
 * chain is worthless.
 * @param wanted - of `--network` or `NETWORK`
 * @throws UsageError when it is another one
 */
export function networkOfConfig(config: VaultConfig, wanted: string | undefined): Network {
  if (wanted !== undefined && canonicalNetworkName(wanted) !== canonicalNetworkName(config.network)) {
    throw new UsageError(
      'network-mismatch',
      `NETWORK is ${wanted}, but the vault was initialised for ${config.network}.`,
      { hint: 'Unset NETWORK, or name the data directory of the other network with --data-dir.' },
    );
  }
  return resolveNetwork(config.network);
}

async function readDocument(dataDirectory: string, vault: string): Promise<z.infer<typeof schema>> {
  const path = vaultConfigPath(dataDirectory, vault);
  const text = await readTextFile(path).catch((error: unknown) => {
    if (!(error instanceof OperatorError && error.code === 'file-missing')) throw error;
    const message = `Config for vault ${checksumAddress(vault)} does not exist. Please run "init" command.`;
    throw new OperatorError('vault-not-initialised', message, { cause: error });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new OperatorError('invalid-config', `${path} is not JSON: ${describeJsonError(error)}`);
  }
  const checked = matchSchema(schema, json);
  if (checked.success) return checked.data;
  throw new OperatorError('invalid-config', `${path}: ${describeFault(checked.fault)}`);
}
