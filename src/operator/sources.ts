import { stat } from 'node:fs/promises';
import { type Database, inSnapshot, type Session } from '../db/database.ts';
import { listRetiredKeys } from '../db/retired-keys.ts';
import { findVaultFacts, type VaultFacts, vaultNotSetUp, vaultOtherChain } from '../db/vaults.ts';
import { assertClaimOfVault } from '../domain/consensus/deposit-claims.ts';
import type { DepositDataEntry } from '../domain/consensus/deposit-data.ts';
import { parsePackedDeposits } from '../domain/consensus/packed-deposits.ts';
import type { RemoteSignerConfig } from '../domain/fleet/remote-signer-config.ts';
import { fromHex, toHex } from '../lib/bytes.ts';
import { PUBLIC_FILE_MODE, readFileBytes } from '../lib/files.ts';
import { ADDRESS_LENGTH } from '../lib/lengths.ts';
import {
  type OperatorConfig,
  readOperatorConfig,
  remoteSignerConfigOf,
} from '../services/fleet/operator-files/read-operator-config.ts';
import {
  findRemoteSignerConfig,
  remoteSignerConfigPath,
} from '../services/fleet/remote-signer/remote-signer-config-file.ts';
import { findDepositDataPath, requireDepositDataPath } from '../services/local-keys/deposit-data-file.ts';
import { assertNotOlder, recordSeen } from '../services/remote-db/statements/seen-statement.ts';
import type { VaultRef } from '../services/remote-db/unlock-vault.ts';
import type { DepositDataSource } from '../services/staking/registration/deposit-entries.ts';

/** Where an operator's configuration is; read again when something does not fit any more. */
export interface OperatorSources {
  readonly depositData: DepositDataSource;
  /** Keys and shares in the remote signer; undefined where nobody has written any down. */
  readonly remoteSigner: {
    /** What messages call the source. */
    readonly name: string;
    /** The same object as long as nobody has written another one: it may name a hundred thousand shares. */
    read(): Promise<RemoteSignerConfig | undefined>;
  };
}

export interface FileSourceOptions {
  readonly ref: VaultRef;
  readonly vaultDirectory: string;
  /** Beats the one in the directory. */
  readonly depositDataFile: string | undefined;
}

/** Configuration from files, as `create-keys`, `remote-signer-setup` or `setup-operator` wrote them. */
export function fileSources({ ref, vaultDirectory, depositDataFile }: FileSourceOptions): OperatorSources {
  return {
    depositData: {
      name: depositDataFile ?? findDepositDataPath(vaultDirectory) ?? vaultDirectory,
      read: async () => {
        const path = requireDepositDataPath(vaultDirectory, depositDataFile);
        const check = (entry: DepositDataEntry) => assertClaimOfVault(ref, entry, path);
        return parsePackedDeposits(await readFileBytes(path), path, check);
      },
    },
    remoteSigner: {
      name: remoteSignerConfigPath(vaultDirectory),
      read: readWhenChanged(
        () => fileVersion(remoteSignerConfigPath(vaultDirectory)),
        () => findRemoteSignerConfig(vaultDirectory),
      ),
    },
  };
}

export interface DatabaseSourceOptions {
  readonly ref: VaultRef;
  /** The vault's public key: then only what it has signed is believed, and nothing older than what was believed before. */
  readonly signed: SignedSource | undefined;
}

interface SignedSource {
  readonly verifyingKey: Uint8Array;
  /** Where the last statement that was believed is remembered. */
  readonly recordPath: string;
}

/**
 * Configuration straight from the remote database, which `upload-keypairs` wrote.
 * @returns undefined when the database does not know the vault, or it has no validators yet; never where signed facts are
 *   asked for, since whoever can write to the database can make it look so
 * @throws OperatorError 'vault-other-chain'; where signed facts are asked for, 'vault-not-set-up'
 */
export async function findDatabaseSources(
  database: Database,
  options: DatabaseSourceOptions,
): Promise<OperatorSources | undefined> {
  const { ref, signed } = options;
  const vault = await findOwnVault(database, ref);
  if (signed === undefined && (vault === undefined || vault.operatorDigest === null)) return undefined;
  const name = `the remote db's rows of vault ${ref.address}`;
  let checkedBefore: Uint8Array | undefined;
  const read = async () => {
    const found = await readDatabase(database, options, checkedBefore);
    checkedBefore = found?.operatorDigest;
    return found?.config;
  };
  return {
    depositData: {
      name,
      read: async () => {
        const config = await read();
        return config === undefined ? [] : parsePackedDeposits(config.document, name);
      },
    },
    remoteSigner: {
      name,
      read: readWhenChanged(
        () => findVersion(database, ref),
        async () => {
          const found = await read();
          return found && remoteSignerConfigOf(found);
        },
      ),
    },
  };
}

async function readDatabase(
  database: Database,
  { ref, signed }: DatabaseSourceOptions,
  checkedBefore: Uint8Array | undefined,
): Promise<{ readonly config: OperatorConfig; readonly operatorDigest: Uint8Array | undefined } | undefined> {
  const found = await inSnapshot(database, async session => {
    const vault = await findOwnVault(session, ref);
    if (vault !== undefined) {
      const read = { ref, checkedBefore, verifyingKey: signed?.verifyingKey };
      const config = await readOperatorConfig(session, vault, read);
      return { config, operatorDigest: vault.operatorDigest ?? undefined };
    }
    if (signed === undefined) return undefined;
    throw vaultNotSetUp(ref.address, ref.network.name, 'Check --vault, --network and --db-schema.');
  });
  const proven = found?.config.proven;
  if (signed !== undefined && proven !== undefined) {
    await assertNotOlder(signed.recordPath, proven);
    await recordSeen(signed.recordPath, proven, { mode: PUBLIC_FILE_MODE });
  }
  return found;
}

/** Changes whenever what the configuration is read from does. @throws OperatorError 'vault-other-chain' */
async function findVersion(database: Database, ref: VaultRef): Promise<string> {
  const vault = await findOwnVault(database, ref);
  if (vault === undefined) return '';
  const retired = (await listRetiredKeys(database, vault.vaultId)).digest();
  return [vault.operatorDigest, retired].map(digest => toHex(digest ?? new Uint8Array())).join(' ');
}

/** @throws OperatorError 'vault-other-chain' */
async function findOwnVault(
  session: Session,
  { network, address }: VaultRef,
): Promise<VaultFacts | undefined> {
  const vault = await findVaultFacts(session, {
    network: network.name,
    address: fromHex(address, ADDRESS_LENGTH),
  });
  if (vault === undefined || vault.chainId === network.chainId) return vault;
  throw vaultOtherChain(address, vault.chainId, network);
}

/** Reads again only when the version has changed. */
function readWhenChanged<T>(findVersion: () => Promise<string>, read: () => Promise<T>): () => Promise<T> {
  let last: { readonly version: string; readonly value: T } | undefined;
  return async () => {
    const version = await findVersion();
    if (last?.version !== version) last = { version, value: await read() };
    return last.value;
  };
}

/** Changes whenever the file is written or replaced; empty without one. */
async function fileVersion(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? '' : `${found.ino} ${found.mtimeNs} ${found.size}`;
}
