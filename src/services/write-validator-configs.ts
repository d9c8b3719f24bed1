import { join } from 'node:path';
import type { Database } from '../db/database.ts';
import { createValidatorConfig } from '../domain/fleet/validator-config.ts';
import { EndpointUrl } from '../lib/endpoint-url.ts';
import { type FileAttributes, SECRET_FILE_MODE } from '../lib/files.ts';
import { renderValidatorFiles, VALIDATOR_FILES } from '../render.ts';
import { assignKeys } from './assign-keys.ts';
import type { VaultRef } from './unlock-vault.ts';
import { writeFiles } from './write-files.ts';

export interface WriteValidatorConfigsOptions {
  readonly ref: VaultRef;
  readonly clientIndex: number;
  readonly totalClients: number;
  readonly reassign: boolean;
  readonly signerUrl: EndpointUrl | string;
  readonly feeRecipient: string;
  readonly isBuilderEnabled: boolean;
  readonly directory: string;
  readonly templateDirectory?: string | undefined;
  readonly attributes: FileAttributes;
  readonly check: boolean;
}

export interface WriteValidatorConfigsResult {
  readonly keyCount: number;
  /** Paths of the three files, in the order of {@link VALIDATOR_FILES}. */
  readonly paths: readonly string[];
  readonly isChanged: boolean;
  readonly warnings: readonly string[];
}

/**
 * Writes the files of one validator client for Lighthouse, Teku and Prysm. The first call for a vault stores the
 * assignment of keys to clients.
 * @throws OperatorError of {@link assignKeys}, of the templates and of the files; UsageError for a bad URL or address
 */
export async function writeValidatorConfigs(
  database: Database,
  options: WriteValidatorConfigsOptions,
): Promise<WriteValidatorConfigsResult> {
  // Before anything is stored: a bad URL must not leave a plan behind.
  createValidatorConfig({ ...options, publicKeys: [] });
  const { plan } = await assignKeys(database, options);
  const publicKeys = plan.assignments
    .filter(assignment => assignment.clientIndex === options.clientIndex)
    .map(assignment => assignment.publicKey);
  const { config, warnings } = createValidatorConfig({ ...options, publicKeys });
  const files = await renderValidatorFiles(config, options);
  const isChanged = await writeByContent(options, files);
  return {
    keyCount: publicKeys.length,
    paths: VALIDATOR_FILES.map(name => join(options.directory, name)),
    isChanged,
    warnings,
  };
}

/** Files with the signer's password, which only their owner may read, and the others. @returns whether any changes */
async function writeByContent(
  options: WriteValidatorConfigsOptions,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<boolean> {
  const { secrets } = EndpointUrl.from(options.signerUrl);
  // However a template of the user's own quotes the URL.
  const isSecret = ([, content]: readonly [string, Uint8Array]) =>
    secrets.length > 0 && Buffer.from(content).includes('://');
  const secret = new Map([...files].filter(isSecret));
  const others = new Map([...files].filter(file => !isSecret(file)));
  const closed = { ...options.attributes, mode: SECRET_FILE_MODE };
  // These first: they make the directory, which is as open as they are.
  const isOtherChanged = (await writeFiles({ ...options, files: others })).isChanged;
  if (secret.size === 0) return isOtherChanged;
  return (await writeFiles({ ...options, files: secret, attributes: closed })).isChanged || isOtherChanged;
}
