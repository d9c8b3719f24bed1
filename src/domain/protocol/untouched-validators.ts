import {
  isCompoundingOf,
  MIN_ACTIVATION_BALANCE_GWEI,
  type ValidatorState,
} from '../consensus/validator-state.ts';
import {
  type ExitRefusal,
  findExitRefusal,
  type WithdrawalPlan,
  type WithdrawalPlanOptions,
} from './withdrawal-plan.ts';

/** Why a plan of withdrawals asks nothing of a validator. */
export type UntouchedReason =
  | ExitRefusal
  | 'oracles-exit'
  /** It has nothing above 32 ETH, and no exits are to be asked for. */
  | 'exits-switched-off'
  /** Others cover what is missing. */
  | 'not-needed';

/** A validator of which nothing is asked. */
export interface UntouchedValidator {
  readonly index: bigint;
  readonly reason: UntouchedReason;
}

/** Validators of which a plan of withdrawals asks nothing, each with the reason, by index. */
export function findUntouched(
  options: WithdrawalPlanOptions,
  { withdrawals }: Pick<WithdrawalPlan, 'withdrawals'>,
): UntouchedValidator[] {
  const chosen = new Set(withdrawals.map(({ index }) => index));
  const untouched = new Map<bigint, UntouchedReason>();
  for (const validator of options.validators) {
    if (!chosen.has(validator.index)) untouched.set(validator.index, findReason(options, validator));
  }
  return [...untouched]
    .map(([index, reason]) => ({ index, reason }))
    .sort((a, b) => (a.index < b.index ? -1 : 1));
}

function findReason(options: WithdrawalPlanOptions, validator: ValidatorState): UntouchedReason {
  const { vault, epoch, pending, oracleExits, validatorMinActiveEpochs, isWithoutExits } = options;
  const { index, balanceGwei, activationEpoch } = validator;
  const refusal = findExitRefusal({ vault, epoch, pending }, validator);
  if (refusal !== undefined) return refusal;
  if (oracleExits.has(index)) return 'oracles-exit';
  const aboveGwei = balanceGwei - MIN_ACTIVATION_BALANCE_GWEI;
  if (isCompoundingOf(vault, validator) && aboveGwei > 0n) return 'not-needed';
  if (isWithoutExits) return 'exits-switched-off';
  if (activationEpoch + validatorMinActiveEpochs > epoch) return 'too-young';
  return options.awaitingDeposits?.has(index) === true ? 'deposit-pending' : 'not-needed';
}
