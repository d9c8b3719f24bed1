import type { ValidatorType } from '../../../domain/consensus/deposit.ts';

/** What new validators get. */
export interface StakingOptions {
  readonly type: ValidatorType;
  /** Most of a validator with 0x02 credentials; gwei of the beacon chain. */
  readonly maxValidatorBalanceGwei: bigint;
  /** The least for which anything is registered; gwei of the beacon chain. */
  readonly minDepositAmountGwei: bigint;
}
