import { join } from 'node:path';
import { type Database, inSnapshot, type Session } from '../db/database.ts';
import { findDepositData } from '../db/deposit-data.ts';
import { listVisibleShares } from '../db/key-shares.ts';
import { listActiveKeypairs, listValidatorPublicKeys } from '../db/keypairs.ts';
import { findOracleSet } from '../db/oracle-sets.ts';
import { parseDepositData } from '../domain/consensus/deposit-data.ts';
import { formatRemoteSignerConfig, type RemoteSignerConfig } from '../domain/fleet/remote-signer-config.ts';
import { buildDepositTree } from '../domain/protocol/deposit-tree.ts';
import { isOracleSet } from '../domain/protocol/oracle-config.ts';
import { equalBytes, fromHex, toHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import type { FileAttributes } from '../lib/files.ts';
import { assertAllKeys } from './assign-keys.ts';
import { requireVault, type VaultRef } from './unlock-vault.ts';
import { writeFiles } from './write-files.ts';

export interface WriteOperatorConfigOptions {
  readonly ref: VaultRef;
  readonly directory: string;
  readonly attributes: FileAttributes;
  readonly check: boolean;
}

export interface WriteOperatorConfigResult {
  readonly remoteSignerConfigPath: string;
  readonly depositDataPath: string;
  readonly validators: number;
  /** Active validators that are left out, since their shares are of an earlier oracle set. */
  readonly staleValidators: number;
  readonly isChanged: boolean;
}

/**
 * Writes the operator's `remote_signer_config.json` and `deposit_data.json`. Needs no encryption key.
 * @throws OperatorError 'no-remote-signer-config' before the first upload, 'shares-incomplete'; file errors
 */
export async function writeOperatorConfig(
  database: Database,
  options: WriteOperatorConfigOptions,
): Promise<WriteOperatorConfigResult> {
  const { config, staleValidators, document } = await inSnapshot(database, session =>
    readConfig(session, options.ref),
  );
  const encode = (text: string) => new TextEncoder().encode(text);
  const files = new Map([
    ['remote_signer_config.json', encode(formatRemoteSignerConfig(config))],
    ['deposit_data.json', encode(document)],
  ]);
  const { isChanged } = await writeFiles({ ...options, files });
  return {
    remoteSignerConfigPath: join(options.directory, 'remote_signer_config.json'),
    depositDataPath: join(options.directory, 'deposit_data.json'),
    validators: config.validators.length,
    staleValidators,
    isChanged,
  };
}

async function readConfig(session: Session, ref: VaultRef) {
  const vault = await requireVault(session, ref);
  const depositData = await findDepositData(session, vault.vaultId);
  const set = vault.oracleSetHash && (await findOracleSet(session, vault.vaultId, vault.oracleSetHash));
  if (!set || depositData === undefined) throw noConfig();
  if (!isOracleSet(set)) {
    throw new OperatorError(
      'oracle-set-changed',
      `The oracle set ${toHex(set.hash)} in the remote db is not what was written: its threshold or its oracles were changed.`,
      { hint: 'Run "remote-db verify" for the details, and restore the database from a backup.' },
    );
  }
  const { root } = buildDepositTree(parseDepositData(depositData.document), fromHex(ref.address, 20));
  if (vault.depositDataRoot === null || !equalBytes(vault.depositDataRoot, root)) {
    throw new OperatorError(
      'deposit-data-changed',
      'The deposit data in the remote db is not that of the last upload.',
      {
        hint: 'Run "remote-db upload-keypairs" again.',
      },
    );
  }
  assertAllKeys(vault, await listValidatorPublicKeys(session, vault.vaultId));
  const keypairs = await listActiveKeypairs(session, vault.vaultId);
  const current = keypairs.filter(keypair => equalBytes(keypair.sharesSetHash, set.hash));
  const config: RemoteSignerConfig = {
    validators: await collectShares(session, vault.vaultId, current, set.publicKeys.length),
    oracleSet: { configHash: set.hash, ipfsHash: set.configIpfsHash, threshold: set.threshold },
  };
  return { config, staleValidators: keypairs.length - current.length, document: depositData.document };
}

async function collectShares(
  session: Session,
  vaultId: number,
  keypairs: readonly { readonly publicKey: Uint8Array }[],
  shareCount: number,
): Promise<RemoteSignerConfig['validators']> {
  const shares = new Map<string, Uint8Array[]>(keypairs.map(({ publicKey }) => [toHex(publicKey), []]));
  for (const { parentPublicKey, shareIndex, publicKey } of await listVisibleShares(session, vaultId)) {
    const list = shares.get(toHex(parentPublicKey));
    if (list !== undefined && list.length === shareIndex) list.push(publicKey);
  }
  return keypairs.map(({ publicKey }) => {
    const list = shares.get(toHex(publicKey)) ?? [];
    if (list.length === shareCount) return { publicKey, shares: list };
    throw new OperatorError(
      'shares-incomplete',
      `Validator ${toHex(publicKey)} has ${list.length} shares in the remote db instead of ${shareCount}.`,
      { hint: 'Rows were lost: run "remote-db verify", and restore the database from a backup.' },
    );
  });
}

function noConfig(): OperatorError {
  return new OperatorError(
    'no-remote-signer-config',
    'No remote signer configuration found in the remote db.',
    {
      hint: 'Run "remote-db upload-keypairs" first.',
    },
  );
}
