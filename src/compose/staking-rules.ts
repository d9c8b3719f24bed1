import type { BeaconNode } from '../clients/beacon/beacon-node.ts';
import type { SignerClient } from '../clients/signer/signer-client.ts';
import type { WalletSigner } from '../clients/signer/wallet-signer.ts';
import type { ValidatorType } from '../domain/consensus/deposit.ts';
import type { Logger } from '../lib/logger.ts';
import { WEI_PER_GWEI } from '../lib/units.ts';
import type { Network } from '../networks/network.ts';
import { findOwnKeys, type OwnKeysOptions } from '../operator/own-keys.ts';
import type { OperatorSources } from '../operator/sources.ts';
import type { FoundDepositData, StartupFacts } from '../operator/startup/check-startup.ts';
import type { OperatorTasksOptions } from '../operator/tasks/list-tasks.ts';
import {
  chooseRegistrationMode,
  DEFAULT_VALIDATOR_TYPE,
} from '../services/staking/registration/choose-registration-mode.ts';
import type { OwnKeys } from '../services/staking/registration/own-keys.ts';
import type { RegistrationMode } from '../services/staking/registration/registration-mode.ts';
import type { StakingOptions } from '../services/staking/registration/staking-options.ts';
import {
  defaultMaxValidatorBalanceGwei,
  ethereumVaultVersion,
} from '../services/staking/registration/vault-version.ts';
import type { StakingPolicy } from '../settings/operator-settings.ts';

/** What registration of a vault's validators works with. */
interface RegistrationHandles {
  readonly network: Network;
  readonly wallet: Pick<WalletSigner, 'address' | 'signVaultValidators'>;
  readonly signer: Pick<SignerClient, 'signDeposits'>;
  readonly sources: OperatorSources;
  readonly beacon: Pick<BeaconNode, 'fetchValidators'>;
  readonly log: Logger;
}

/** What it is told. */
interface RegistrationSettings {
  /** Checksummed. */
  readonly vault: string;
  readonly policy: StakingPolicy;
  /** Who has the keys. */
  readonly keySource: OwnKeysOptions['signer'];
  readonly vaultDirectory: string;
  /** Whether somebody has named a file of deposit data, which is there. */
  readonly isDepositDataNamed: boolean;
}

/**
 * How validators are registered, and what they get. A vault of version 5 may do without deposit data.
 * @throws OperatorError 'deposit-data-missing', 'signer-keys-unknown', and those of `chooseRegistrationMode`
 */
export async function prepareRegistration(
  { network, wallet, signer, sources, beacon, log }: RegistrationHandles,
  { vault, policy, keySource, vaultDirectory, isDepositDataNamed }: RegistrationSettings,
  { facts, depositData }: { readonly facts: StartupFacts; readonly depositData: FoundDepositData },
): Promise<{
  readonly mode: RegistrationMode;
  readonly staking: StakingOptions;
  readonly ownKeys: OwnKeys | undefined;
}> {
  const { validatorType } = policy;
  const hasDepositData = depositData.entries > 0;
  const isVersion5 = ethereumVaultVersion(network, vault, facts.vaultVersion) >= 5;
  const mayUseKeys =
    isVersion5 && facts.validatorsManager === wallet.address && !(hasDepositData && validatorType === '0x01');
  const ownKeys = mayUseKeys
    ? await findOwnKeys(
        { sources },
        {
          vault,
          vaultDirectory,
          signer: keySource,
          depositData: { isThere: hasDepositData, isNamed: isDepositDataNamed },
          isExclusive: policy.isRemoteSignerExclusive,
        },
      )
    : undefined;
  const signerKeys = ownKeys && {
    signer,
    beacon,
    keys: ownKeys,
    log: log.child({ task: 'register-validators' }),
  };
  const mode = chooseRegistrationMode(
    { source: sources.depositData, wallet, now: Date.now, signerKeys },
    { ...facts, vault, network, isVersion5, validatorType, hasDepositData },
  );
  if (mode.kind !== 'signer-keys' && depositData.missing !== undefined) throw depositData.missing;
  const type = mode.kind === 'signer-keys' ? (validatorType ?? DEFAULT_VALIDATOR_TYPE) : '0x01';
  return { mode, ownKeys, staking: stakingOf(policy, network, type) };
}

/** What validators get: the network file's limit is the default where it has one. */
export function stakingOf(
  policy: Pick<StakingPolicy, 'maxValidatorBalanceGwei' | 'minDepositAmountGwei'>,
  network: Network,
  type: ValidatorType,
): StakingOptions {
  const { maxValidatorBalanceGwei = defaultMaxValidatorBalanceGwei(network) } = network;
  return {
    type,
    maxValidatorBalanceGwei: policy.maxValidatorBalanceGwei ?? maxValidatorBalanceGwei,
    minDepositAmountGwei: policy.minDepositAmountGwei,
  };
}

/** Only vaults of version 5 top up validators, of type 0x02 and for their validators manager. */
export function fundingOf(
  policy: Pick<StakingPolicy, 'fund' | 'minDepositDelayMs'>,
  { vaultVersion, validatorsManager }: StartupFacts,
  of: {
    readonly network: Network;
    readonly vault: string;
    readonly wallet: string;
    readonly type: ValidatorType;
  },
): OperatorTasksOptions['funding'] {
  const { network, vault, wallet, type } = of;
  const isVersion5 = ethereumVaultVersion(network, vault, vaultVersion) >= 5;
  if (!policy.fund || type !== '0x02' || !isVersion5 || validatorsManager !== wallet) return undefined;
  return { wallet, minDepositDelayMs: policy.minDepositDelayMs };
}

/** Only vaults of version 5 request withdrawals, and only for their validators manager. */
export function withdrawalsOf(
  policy: StakingPolicy,
  { vaultVersion, validatorsManager }: StartupFacts,
  { network, vault, wallet }: { readonly network: Network; readonly vault: string; readonly wallet: string },
): OperatorTasksOptions['withdrawals'] {
  const isVersion5 = ethereumVaultVersion(network, vault, vaultVersion) >= 5;
  if (!policy.withdraw || !isVersion5 || validatorsManager !== wallet) return undefined;
  return {
    wallet,
    maxRequestFeeWei: policy.maxWithdrawalRequestFeeGwei * WEI_PER_GWEI,
    intervalMs: policy.withdrawalsIntervalMs,
    isWithoutExits: !policy.withdrawFully,
  };
}
