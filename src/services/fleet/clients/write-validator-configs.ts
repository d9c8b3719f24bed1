import { join } from 'node:path';
import type { AssignmentPlan } from '../../../db/assignments.ts';
import type { Database } from '../../../db/database.ts';
import type { RemovalPolicy } from '../../../domain/fleet/removals.ts';
import { createValidatorConfig } from '../../../domain/fleet/validator-config.ts';
import { EndpointUrl } from '../../../lib/endpoint-url.ts';
import { type FileAttributes, SECRET_FILE_MODE } from '../../../lib/files.ts';
import { assertNotOlder, recordSeen, seenStatementPath } from '../../remote-db/statements/seen-statement.ts';
import type { ProvenStatement } from '../../remote-db/statements/signed-statement.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';
import { assignKeys } from '../assign-keys.ts';
import { readSignedPlan } from '../read-signed-plan.ts';
import { writeFiles } from '../write-files.ts';
import { chooseClientKeys, readPresentKeys } from './keys-of-client.ts';
import { renderValidatorFiles, VALIDATOR_FILES } from './render-templates.ts';

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
  /** Default: refuse. */
  readonly removals?: RemovalPolicy | undefined;
  /** The vault's public key: then only a plan that it has signed is written, and none older than what was written before. */
  readonly verifyingKey?: Uint8Array | undefined;
}

export interface WriteValidatorConfigsResult {
  readonly keyCount: number;
  /** Keys that the files have lost by this run. */
  readonly removedKeys: number;
  /** Keys that are no longer the vault's and stayed, by `--removals keep`. */
  readonly keptKeys: number;
  /** Paths of the three files, in the order of {@link VALIDATOR_FILES}. */
  readonly paths: readonly string[];
  readonly isChanged: boolean;
  readonly warnings: readonly string[];
}

/**
 * Writes the files of one validator client for Lighthouse, Teku and Prysm. Without the vault's public key the first call for a
 * vault stores the assignment of keys to clients; with it nothing is stored, and the plan must be signed.
 * @throws OperatorError of {@link assignKeys} or {@link readSignedPlan}, of the templates and of the files; DifferencesError
 *   of {@link chooseClientKeys}; UsageError for a bad URL or address
 */
export async function writeValidatorConfigs(
  database: Database,
  options: WriteValidatorConfigsOptions,
): Promise<WriteValidatorConfigsResult> {
  const { directory, attributes, removals = 'refuse', reassign } = options;
  // Before anything is stored: a bad URL must not leave a plan behind.
  createValidatorConfig({ ...options, publicKeys: [] });
  const present = await readPresentKeys(directory);
  const choose = (plan: AssignmentPlan) => {
    const { clientIndex } = options;
    return chooseClientKeys(plan, { directory, present, clientIndex, removals, mayMove: reassign });
  };
  const { plan, proven } = await readPlan(database, options, choose);
  const recordPath = seenStatementPath(directory, options.ref);
  if (proven !== undefined) await assertNotOlder(recordPath, proven);
  const keys = choose(plan);
  const { config, warnings } = createValidatorConfig({ ...options, publicKeys: keys.publicKeys });
  const files = await renderValidatorFiles(config, options);
  const isChanged = await writeByContent(
    options,
    files,
    proven && (() => recordSeen(recordPath, proven, attributes)),
  );
  return {
    keyCount: keys.publicKeys.length,
    removedKeys: keys.removedKeys,
    keptKeys: keys.keptKeys,
    paths: VALIDATOR_FILES.map(name => join(directory, name)),
    isChanged,
    warnings: [...warnings, ...keys.warnings],
  };
}

/** Files with the signer's password, which only their owner may read, and the others. @returns whether any changes */
async function writeByContent(
  options: WriteValidatorConfigsOptions,
  files: ReadonlyMap<string, Uint8Array>,
  beforeWriting: (() => Promise<void>) | undefined,
): Promise<boolean> {
  const { secrets } = EndpointUrl.from(options.signerUrl);
  // However a template of the user's own quotes the URL.
  const isSecret = ([, content]: readonly [string, Uint8Array]) =>
    secrets.length > 0 && Buffer.from(content).includes('://');
  const secret = new Map([...files].filter(isSecret));
  const others = new Map([...files].filter(file => !isSecret(file)));
  const closed = { ...options.attributes, mode: SECRET_FILE_MODE };
  // These first: they make the directory, which is as open as they are.
  const isOtherChanged = (await writeFiles({ ...options, files: others, beforeWriting })).isChanged;
  if (secret.size === 0) return isOtherChanged;
  return (await writeFiles({ ...options, files: secret, attributes: closed })).isChanged || isOtherChanged;
}

async function readPlan(
  database: Database,
  options: WriteValidatorConfigsOptions,
  accept: (plan: AssignmentPlan) => void,
): Promise<{ readonly plan: AssignmentPlan; readonly proven: ProvenStatement | undefined }> {
  const { ref, totalClients, reassign, verifyingKey } = options;
  if (verifyingKey !== undefined) return readSignedPlan(database, { ref, totalClients, verifyingKey });
  // A brake that stops the files must not leave a plan behind either.
  const { plan } = await assignKeys(database, { ref, totalClients, reassign, accept });
  return { plan, proven: undefined };
}
