import { basename, dirname } from 'node:path';
import { SIGNER_CONFIG_FILE, type Web3SignerConfig } from '../../../domain/fleet/web3signer-config.ts';
import { applyFileSet, hasChanges, planFileSet } from '../../../lib/file-set.ts';
import { directoryModeOf, type FileAttributes } from '../../../lib/files.ts';
import { findDirectory, prepareDirectory } from '../../../lib/output-directory.ts';
import { fillTemplate, findTemplate } from '../template-text.ts';

export interface WriteSignerConfigOptions {
  readonly path: string;
  /** The file holds no secret. */
  readonly attributes: FileAttributes;
  /** Compares only. */
  readonly check: boolean;
}

/**
 * The text of Web3Signer's own configuration, which its `--config-file` names.
 * @param templateDirectory - where `web3signer.yaml.eta` is looked for before the program's own
 * @throws OperatorError 'invalid-template'; 'file-missing' when the directory does not exist
 */
export function renderSignerConfig(
  config: Web3SignerConfig,
  templateDirectory: string | undefined,
): Promise<string> {
  return fillTemplate(findTemplate(SIGNER_CONFIG_FILE, templateDirectory), SIGNER_CONFIG_FILE, config);
}

/**
 * Writes the configuration where it is not there yet as it should be. A directory that is there keeps its owner and mode: it may
 * be one of the system's.
 * @returns whether the file was written, or with `check` would be
 * @throws OperatorError naming the file or its directory
 */
export async function writeSignerConfig(text: string, options: WriteSignerConfigOptions): Promise<boolean> {
  const { attributes } = options;
  const directory = dirname(options.path);
  const files = new Map([[basename(options.path), Buffer.from(text)]]);
  await using present = await findDirectory(directory, attributes);
  const plan = await planFileSet(present, files, [], attributes);
  if (options.check || !hasChanges(plan)) return hasChanges(plan);
  const made = { ...attributes, mode: directoryModeOf(attributes.mode) };
  await using target = present ?? (await prepareDirectory(directory, made));
  await applyFileSet(target, files, plan, attributes);
  return true;
}
