import { createWeb3SignerConfig } from '../domain/fleet/web3signer-config.ts';
import { renderSignerConfig } from '../services/fleet/key-files/write-signer-config.ts';
import { web3SignerConfigOptions } from './flags/web3signer-config.ts';

type Given = Parameters<typeof web3SignerConfigOptions>[0];

/**
 * Web3Signer's own configuration, before anything else is done: a wrong option or template ends the command here.
 * @returns undefined without `--config-file`
 * @throws UsageError of the options; OperatorError of the template
 */
export async function prepareSignerConfig(
  options: Given,
  vault: { readonly network: string; readonly warn: (line: string) => void },
): Promise<{ readonly path: string; readonly text: string } | undefined> {
  if (options.configFile === undefined) return undefined;
  const { config, warnings } = createWeb3SignerConfig(web3SignerConfigOptions(options, vault.network));
  for (const warning of warnings) vault.warn(warning);
  const text = await renderSignerConfig(config, options.templateDir);
  return { path: options.configFile, text };
}
