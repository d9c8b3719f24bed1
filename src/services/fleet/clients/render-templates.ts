import { join } from 'node:path';
import { VALIDATOR_FILES } from '../../../domain/fleet/validator-clients.ts';
import type { CreatedValidatorConfig, ValidatorConfig } from '../../../domain/fleet/validator-config.ts';
import { SIGNER_CONFIG_FILE } from '../../../domain/fleet/web3signer-config.ts';
import { filesOfTemplates, fillTemplate, findTemplate } from '../template-text.ts';

/** A file of a validator client as a template made it. */
export interface RenderedFile {
  readonly content: Uint8Array;
  /** Whether its template has read a member whose value is secret. */
  readonly holdsSecret: boolean;
}

/**
 * The files of one validator client, by file name: the three that this program knows, then one for each further template of the
 * user's. Equal data gives equal bytes.
 * @param options.templateDirectory - where `<file>.eta` is looked for before the program's own, and `*.eta` besides
 * @throws OperatorError 'invalid-template' naming the template; 'file-missing' when the directory does not exist
 */
export async function renderValidatorFiles(
  { config, secretMembers }: Pick<CreatedValidatorConfig, 'config' | 'secretMembers'>,
  { templateDirectory }: { readonly templateDirectory?: string | undefined } = {},
): Promise<Map<string, RenderedFile>> {
  const names = new Set<string>(VALIDATOR_FILES);
  if (templateDirectory !== undefined) {
    // The configuration of a Web3Signer has other members: "setup-web3signer" fills its template.
    for (const name of filesOfTemplates(templateDirectory)) if (name !== SIGNER_CONFIG_FILE) names.add(name);
  }
  const files = new Map<string, RenderedFile>();
  for (const name of names) {
    let holdsSecret = false;
    const watched = new Proxy(config, {
      get: (target, member: keyof ValidatorConfig) => {
        if (secretMembers.has(member)) holdsSecret = true;
        return target[member];
      },
    });
    const text = await fillTemplate(findTemplate(name, templateDirectory), name, watched);
    files.set(name, { content: Buffer.from(text), holdsSecret });
  }
  return files;
}

/** What one ConfigMap of Kubernetes can hold. */
const CONFIG_MAP_BYTES = 1024 * 1024;

/** A warning of files that do not fit into a ConfigMap, as many as there are. */
export function warnOfSizes(directory: string, files: ReadonlyMap<string, RenderedFile>): string[] {
  const large = [...files].filter(([, { content }]) => content.length > CONFIG_MAP_BYTES);
  if (large.length === 0) return [];
  const sizes = large.map(([name, { content }]) => `${join(directory, name)} (${content.length} bytes)`);
  return [
    `A ConfigMap of Kubernetes holds 1 MiB, which is less than ${sizes.join(', ')}: give the client a volume that this command writes to.`,
  ];
}
