import { UsageError } from '../../../lib/errors.ts';
import type { Network } from '../../../networks/network.ts';
import type { RegistrationMode } from './registration-mode.ts';
import { ethereumVaultVersion } from './vault-version.ts';

/**
 * Stops a start in which nobody has said the type of the validators, where there are two: vaults of version 5 take both from
 * their validators manager, and the newest Python operator registers 0x02 unasked. By deposit data there is 0x01 only.
 * @param vault - checksummed; `vaultVersion` is what its `version()` says
 * @throws UsageError 'validator-type-missing'
 */
export function requireValidatorType(
  { kind }: Pick<RegistrationMode, 'kind'>,
  {
    vault,
    vaultVersion,
    network,
  }: { readonly vault: string; readonly vaultVersion: number; readonly network: Network },
): void {
  if (kind !== 'validators-manager' || ethereumVaultVersion(network, vault, vaultVersion) < 5) return;
  throw new UsageError(
    'validator-type-missing',
    `The vault ${vault} has version ${vaultVersion} and takes validators of two types from the hot wallet, its validators manager: this program registers 0x01 (32 ETH each), the newest Python operator would register 0x02.`,
    { hint: 'Say --validator-type 0x01 (VALIDATOR_TYPE=0x01) if those are what you want.' },
  );
}
