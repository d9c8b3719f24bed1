import type { RegistrationWaitCode } from '../../services/staking/registration/decide-registration.ts';
import type { RegistrationOutcome } from '../../services/staking/registration/register-validators.ts';
import type { WithdrawalOutcome } from '../../services/staking/withdrawals/withdraw-from-validators.ts';
import type { WithdrawalWaitCode } from '../../services/staking/withdrawals/withdrawal-waits.ts';

/** What a pass of a task that moves stake may have to wait for without failing. */
export type WaitReason =
  | RegistrationWaitCode
  | WithdrawalWaitCode
  /** Something changed in the middle: the next pass plans anew. */
  | 'restarted';

/** Each of them once, which the compiler sees to. */
const ALL: Readonly<Record<WaitReason, true>> = {
  'beacon-head-unsettled': true,
  'beacon-query-not-served': true,
  'deposit-data-bad-signature': true,
  'deposit-data-root-mismatch': true,
  'deposit-data-root-not-set': true,
  'deposit-data-used-up': true,
  'deposit-not-signed': true,
  'fee-ceiling': true,
  'funding-interval': true,
  'harvest-not-possible': true,
  'insufficient-funds': true,
  interval: true,
  'key-already-registered': true,
  'key-not-in-signer': true,
  'network-incomplete': true,
  'network-validators-not-synced': true,
  'not-collateralized': true,
  'not-validators-manager': true,
  'nothing-to-withdraw': true,
  'oracle-exits-unknown': true,
  'request-fee-too-high': true,
  'requests-not-taken': true,
  restarted: true,
  'signer-keys-used-up': true,
  'withdrawal-queue-full': true,
};

/** All reasons, in the order of the alphabet. */
export const WAIT_REASONS = Object.keys(ALL) as readonly WaitReason[];

/** What stood in the way of a pass; undefined when it did all that there was to do. */
export function waitReasonOf(outcome: RegistrationOutcome | WithdrawalOutcome): WaitReason | undefined {
  if (outcome.status === 'waiting') return outcome.code;
  return outcome.status === 'restarted' ? 'restarted' : undefined;
}
