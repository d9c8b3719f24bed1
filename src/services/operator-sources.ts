import { stat } from 'node:fs/promises';
import type { Database } from '../db/database.ts';
import { inSnapshot } from '../db/database.ts';
import { findVaultFacts } from '../db/vaults.ts';
import { type DepositDataEntry, parseDepositData } from '../domain/consensus/deposit-data.ts';
import type { RemoteSignerConfig } from '../domain/fleet/remote-signer-config.ts';
import { fromHex, toHex } from '../lib/bytes.ts';
import { findDepositDataPath, readDepositData } from './deposit-data-file.ts';
import { readOperatorConfig } from './read-operator-config.ts';
import type { DepositDataSource } from './registration/deposit-entries.ts';
import { findRemoteSignerConfig, remoteSignerConfigPath } from './remote-signer-config-file.ts';

/** Where an operator's configuration is; read again when something does not fit any more. */
export interface OperatorSources {
  readonly depositData: DepositDataSource;
  /** Keys and shares in the remote signer; undefined where nobody has written any down. */
  readonly remoteSigner: {
    /** For messages. */
    readonly name: string;
    /** The same object as long as nobody has written another one: it may name a hundred thousand shares. */
    read(): Promise<RemoteSignerConfig | undefined>;
  };
}

export interface FileSourceOptions {
  readonly vaultDirectory: string;
  /** Beats the one in the directory. */
  readonly depositDataFile: string | undefined;
}

/** Configuration from files, as `create-keys`, `remote-signer-setup` or `setup-operator` wrote them. */
export function fileSources({ vaultDirectory, depositDataFile }: FileSourceOptions): OperatorSources {
  return {
    depositData: {
      name: depositDataFile ?? findDepositDataPath(vaultDirectory) ?? vaultDirectory,
      read: async () => (await readDepositData(vaultDirectory, depositDataFile)).entries,
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

/**
 * Configuration straight from the remote database, which `upload-keypairs` wrote.
 * @param options.vault - checksummed
 * @returns undefined when the database does not know the vault, or it has no validators yet
 */
export async function findDatabaseSources(
  database: Database,
  options: { readonly network: string; readonly vault: string },
): Promise<OperatorSources | undefined> {
  const identity = { network: options.network, address: fromHex(options.vault, 20) };
  const vault = await findVaultFacts(database, identity);
  if (vault === undefined || vault.operatorDigest === null) return undefined;
  const name = `the remote db's rows of vault ${options.vault}`;
  const read = () =>
    inSnapshot(database, async session => {
      const current = await findVaultFacts(session, identity);
      return current && (await readOperatorConfig(session, current));
    });
  return {
    depositData: {
      name,
      async read(): Promise<readonly DepositDataEntry[]> {
        const found = await read();
        return found === undefined ? [] : parseDepositData(found.document, name);
      },
    },
    remoteSigner: {
      name,
      read: readWhenChanged(
        async () => toHex((await findVaultFacts(database, identity))?.operatorDigest ?? new Uint8Array()),
        async () => (await read())?.config,
      ),
    },
  };
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
