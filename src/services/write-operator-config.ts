import { join } from 'node:path';
import { type Database, inSnapshot } from '../db/database.ts';
import { formatRemoteSignerConfig } from '../domain/fleet/remote-signer-config.ts';
import type { FileAttributes } from '../lib/files.ts';
import { readOperatorConfig } from './read-operator-config.ts';
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
 * @throws OperatorError of {@link readOperatorConfig}; file errors
 */
export async function writeOperatorConfig(
  database: Database,
  options: WriteOperatorConfigOptions,
): Promise<WriteOperatorConfigResult> {
  const { config, staleValidators, document } = await inSnapshot(database, async session =>
    readOperatorConfig(session, await requireVault(session, options.ref)),
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
