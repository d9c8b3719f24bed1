import type { ValidatorType } from '../../domain/consensus/deposit.ts';
import { flag, optional } from '../options/option.ts';
import { choice, integer } from '../options/value-kinds.ts';
import { unlessEmpty } from './foreign-settings.ts';

/** What validators are registered with, in the words of the newest Python operator. */
export const STAKING_OPTIONS = {
  validatorType: optional<ValidatorType | undefined>({
    description:
      'Type of the withdrawal credentials that validators are registered with. Default is 0x02 for a vault of version 5 whose validators manager is the hot wallet; all others take 0x01 only.',
    env: 'VALIDATOR_TYPE',
    value: unlessEmpty(choice(['0x01', '0x02'])),
  }),
  maxValidatorBalanceGwei: optional<number | undefined>({
    description:
      'What a validator of type 0x02 is registered with and topped up to at most, in gwei. Default is 300000000000 (300 ETH), on Gnosis 1800000000000 (56.25 GNO), or what the network file says.',
    env: 'MAX_VALIDATOR_BALANCE_GWEI',
    value: unlessEmpty(integer({ min: 32_000_000_000, max: 2_048_000_000_000 })),
  }),
  minDepositAmountGwei: optional<number | undefined>({
    description:
      'With less in the vault nothing is staked, and no top-up is smaller, in gwei. Default is 10000000000 (10 ETH).',
    env: 'MIN_DEPOSIT_AMOUNT_GWEI',
    value: unlessEmpty(integer({ min: 1_000_000_000 })),
  }),
  minDepositDelay: optional<number | undefined>({
    description: 'Time from one top-up of validators to the next, in seconds. Default is 3600.',
    env: 'MIN_DEPOSIT_DELAY',
    value: unlessEmpty(integer({ min: 0 })),
  }),
  remoteSignerExclusive: flag({
    description:
      'Says that the remote signer has keys of this vault only: each that no deposit has used is registered. Not needed where the remote database, remote_signer_config.json, deposit data or keystores name the keys of the vault.',
    env: 'REMOTE_SIGNER_EXCLUSIVE',
  }),
} as const;
