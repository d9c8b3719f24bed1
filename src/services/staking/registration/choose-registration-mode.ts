import type { WalletSigner } from '../../../clients/signer/wallet-signer.ts';
import type { ValidatorType } from '../../../domain/consensus/deposit.ts';
import { fromHex } from '../../../lib/bytes.ts';
import { OperatorError, UsageError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Network } from '../../../networks/network.ts';
import { createDepositDataMode } from './deposit-data-mode.ts';
import { type DepositDataSource, openDepositEntries } from './deposit-entries.ts';
import type { RegistrationMode } from './registration-mode.ts';
import { createSignerKeysMode, type SignerKeysModeDeps } from './signer-keys-mode.ts';
import { createValidatorsManagerMode } from './validators-manager-mode.ts';
import { metaVaultName } from './vault-version.ts';

export interface ChooseRegistrationModeDeps {
  readonly source: DepositDataSource;
  readonly wallet: Pick<WalletSigner, 'address' | 'signVaultValidators'>;
  /** Milliseconds. */
  readonly now: () => number;
  /** What validators of vaults of version 5 are registered with beside deposit data; left out, they have some. */
  readonly signerKeys?: Omit<SignerKeysModeDeps, 'wallet'> | undefined;
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
  /** Whether the vault has the interface of Ethereum's version 5. Default: by its version. */
  readonly isVersion5?: boolean | undefined;
  /** Which credentials validators are to get; undefined when nobody has said it. */
  readonly validatorType?: ValidatorType | undefined;
  /** Whether there is deposit data to register 0x01 validators of version 5 by. Default: there is. */
  readonly hasDepositData?: boolean | undefined;
  readonly network: Pick<Network, 'chainId' | 'genesisForkVersion'> & {
    readonly contracts: Pick<Network['contracts'], 'depositDataRegistry'>;
  };
}

/**
 * How this vault takes validators from this operator: by its deposit data (version 1, and 2 to 5 while the
 * DepositDataRegistry is their manager), or because the hot wallet is its validators manager (version 2 to 5). Such a vault of
 * version 5 needs no deposit data: with it validators of type 0x01 are registered by it, all others by keys of the signer.
 * @throws OperatorError 'not-validators-manager', which names the call that the vault's admin has to make;
 *   'unsupported-vault-version'; UsageError 'validator-type-unsupported'
 */
export function chooseRegistrationMode(
  { source, wallet, now, signerKeys }: ChooseRegistrationModeDeps,
  options: VaultAuthority,
): RegistrationMode {
  const { vault, vaultVersion, validatorsManager, validatorType, network } = options;
  const { hasDepositData = true, isVersion5: takesBothTypes = vaultVersion >= 5 } = options;
  const deposits = openDepositEntries(
    { source, now },
    { vault: fromHex(vault, ADDRESS_LENGTH), genesisForkVersion: network.genesisForkVersion },
  );
  requireSupported(options);
  const isManager = vaultVersion > 1 && validatorsManager === wallet.address;
  if (validatorType === '0x02' && !(takesBothTypes && isManager)) throw only0x01(options, takesBothTypes);
  if (vaultVersion === 1) return createDepositDataMode(deposits, { vault, registry: null });
  if (isManager) {
    const { chainId, genesisForkVersion } = network;
    const isByDepositData = hasDepositData && validatorType === '0x01';
    if (!takesBothTypes || isByDepositData || signerKeys === undefined) {
      return createValidatorsManagerMode({ deposits, wallet }, { vault, chainId, takesBothTypes });
    }
    return createSignerKeysMode(
      { ...signerKeys, wallet, now },
      { vault, chainId, genesisForkVersion, validatorType: validatorType ?? DEFAULT_VALIDATOR_TYPE },
    );
  }
  const registry = network.contracts.depositDataRegistry ?? null;
  if (registry !== null && validatorsManager === registry) {
    return createDepositDataMode(deposits, { vault, registry, takesBothTypes });
  }
  throw noAuthority(options, wallet.address, registry);
}

/** What a vault of version 5 gets unasked, as from the newest Python operator. */
export const DEFAULT_VALIDATOR_TYPE: ValidatorType = '0x02';

function only0x01({ vault, vaultVersion }: VaultAuthority, takesBothTypes: boolean): UsageError {
  const reason = takesBothTypes
    ? 'they are registered by deposit data, or the hot wallet is not its validators manager'
    : 'it takes no others';
  return new UsageError(
    'validator-type-unsupported',
    `0x02 is refused: validators of the vault ${vault} of version ${vaultVersion} are of type 0x01 (32 ETH each), since ${reason}.`,
    {
      hint: 'Leave --validator-type (VALIDATOR_TYPE) out, or say 0x01. Validators of type 0x02 take a vault of version 5 whose validators manager is the hot wallet.',
    },
  );
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
