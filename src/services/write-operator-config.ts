import { join } from 'node:path';
import { type Database, inSnapshot, type Session } from '../db/database.ts';
import { formatRemoteSignerConfig, type RemoteSignerConfig } from '../domain/fleet/remote-signer-config.ts';
import { equalBytes, toHex } from '../lib/bytes.ts';
import type { FileAttributes } from '../lib/files.ts';
import { readOperatorFacts } from './read-operator-facts.ts';
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
 * @throws OperatorError of {@link readOperatorFacts}; file errors
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
  const { oracleSet, document, keypairs, shares } = await readOperatorFacts(session, vault);
  const current = keypairs.filter(keypair => equalBytes(keypair.sharesSetHash, oracleSet.hash));
  const byParent = Map.groupBy(shares, share => toHex(share.parentPublicKey));
  const config: RemoteSignerConfig = {
    validators: current.map(({ publicKey }) => ({
      publicKey,
      shares: (byParent.get(toHex(publicKey)) ?? []).map(share => share.publicKey),
    })),
    oracleSet: {
      configHash: oracleSet.hash,
      ipfsHash: oracleSet.configIpfsHash,
      threshold: oracleSet.threshold,
    },
  };
  return { config, staleValidators: keypairs.length - current.length, document };
}
