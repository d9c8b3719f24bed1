import { defaultDataDirectory, onlyVaultOf } from '../../settings/vault-directory.ts';
import { defaulted, optional, required } from '../options/option.ts';
import { address, directory, mnemonic, network } from '../options/value-kinds.ts';

/** `--data-dir` of commands that need one that exists. */
export const dataDir = defaulted(defaultDataDirectory, {
  description: 'Path where the data of vaults is. Default is ~/.stakewise.',
  env: 'DATA_DIR',
  value: directory({ exists: true }),
});

/** `--data-dir` of commands that make it. */
export const newDataDir = defaulted(defaultDataDirectory, {
  description: 'Path where the data of vaults is, or is to be. Default is ~/.stakewise.',
  env: 'DATA_DIR',
  value: directory({ exists: false }),
});

const VAULT = { description: 'The address of the vault.', env: 'VAULT', value: address } as const;

/** `--vault`; the question differs between commands. A data directory with one vault in it offers that one. */
export function vault(prompt: 'Enter the vault address' | 'Enter your vault address') {
  return required({
    ...VAULT,
    prompt,
    suggestion: ({ dataDir }) => (typeof dataDir === 'string' ? onlyVaultOf(dataDir) : undefined),
  });
}

/** `--vault` of `init`, for which a vault that is there is the wrong one. */
export const newVault = required({ ...VAULT, prompt: 'Enter your vault address' });

/** `--network` of commands that find it in config.json otherwise. */
export const networkOfVault = optional({
  description: 'The network of the vault. Default is the network specified at "init" command.',
  env: 'NETWORK',
  value: network,
});

/** `--network` of commands that make keys: they are always made for the network of config.json. */
export const networkOfKeys = optional({
  description: 'The network of the vault. Refused when it is not the network specified at "init" command.',
  env: 'NETWORK',
  value: network,
});

/** `--mnemonic` of commands that derive keys or wallets. */
export function mnemonicFor(what: 'the validator keys' | 'the wallet') {
  return required({
    description: `The mnemonic for generating ${what}.`,
    envFile: 'MNEMONIC_FILE',
    secret: true,
    value: mnemonic,
    prompt: `Enter the mnemonic for generating ${what}`,
  });
}
