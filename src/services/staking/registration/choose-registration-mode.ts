import type { WalletSigner } from '../../../clients/signer/wallet-signer.ts';
import { fromHex } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Network } from '../../../networks/network.ts';
import { createDepositDataMode } from './deposit-data-mode.ts';
import { type DepositDataSource, openDepositEntries } from './deposit-entries.ts';
import type { RegistrationMode } from './registration-mode.ts';
import { createValidatorsManagerMode } from './validators-manager-mode.ts';
import { metaVaultName } from './vault-version.ts';

export interface ChooseRegistrationModeDeps {
  readonly source: DepositDataSource;
  readonly wallet: Pick<WalletSigner, 'address' | 'signVaultValidators'>;
  /** Milliseconds. */
  readonly now: () => number;
}

export interface VaultAuthority {
  /** Checksummed. */
  readonly vault: string;
  /** `version()`, see {@link ethereumVaultVersion}. */
  readonly vaultVersion: number;
  /** `vaultId()`, 32 bytes. */
  readonly vaultId: Uint8Array;
  /** `validatorsManager()`, checksummed; null for version 1, which has none. */
  readonly validatorsManager: string | null;
  readonly network: Pick<Network, 'chainId' | 'genesisForkVersion'> & {
    readonly contracts: Pick<Network['contracts'], 'depositDataRegistry'>;
  };
}

/**
 * How this vault takes validators from this operator: by its deposit data (version 1, and 2 to 5 while the
 * DepositDataRegistry is their manager), or because the hot wallet is its validators manager (version 2 to 5).
 * @throws OperatorError 'not-validators-manager', which names the call that the vault's admin has to make;
 *   'unsupported-vault-version'
 */
export function chooseRegistrationMode(
  { source, wallet, now }: ChooseRegistrationModeDeps,
  options: VaultAuthority,
): RegistrationMode {
  const { vault, vaultVersion, validatorsManager, network } = options;
  const deposits = openDepositEntries(
    { source, now },
    { vault: fromHex(vault, ADDRESS_LENGTH), genesisForkVersion: network.genesisForkVersion },
  );
  requireSupported(options);
  if (vaultVersion === 1) return createDepositDataMode(deposits, { vault, registry: null });
  if (validatorsManager === wallet.address) {
    return createValidatorsManagerMode({ deposits, wallet }, { vault, chainId: network.chainId });
  }
  const registry = network.contracts.depositDataRegistry ?? null;
  if (registry !== null && validatorsManager === registry) {
    return createDepositDataMode(deposits, { vault, registry });
  }
  throw noAuthority(options, wallet.address, registry);
}

function requireSupported({ vault, vaultVersion, vaultId }: VaultAuthority): void {
  const metaVault = metaVaultName(vaultId);
  if (metaVault === undefined && vaultVersion >= 1 && vaultVersion <= 5) return;
  const reason =
    metaVault === undefined
      ? 'validators are registered for versions 1 to 5'
      : `it is an ${metaVault}, which registers no validators`;
  throw new OperatorError(
    'unsupported-vault-version',
    `The vault ${vault} has version ${vaultVersion}; ${reason}.`,
  );
}

function noAuthority(
  { vault, vaultVersion, validatorsManager }: VaultAuthority,
  wallet: string,
  registry: string | null,
): OperatorError {
  const isUnset = validatorsManager === null || BigInt(validatorsManager) === 0n;
  const manager = isUnset ? 'has no validators manager' : `has the validators manager ${validatorsManager}`;
  const alternative =
    registry === null ? '' : `, or setValidatorsManager(${registry}) for registration by deposit data`;
  return new OperatorError(
    'not-validators-manager',
    `The vault ${vault} has version ${vaultVersion} and ${manager}; the hot wallet ${wallet} cannot register validators for it.`,
    { hint: `The vault's admin has to call setValidatorsManager(${wallet}) of the vault${alternative}.` },
  );
}
