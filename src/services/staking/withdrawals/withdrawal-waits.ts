/** What withdrawals wait for although assets may be missing. */
export type WithdrawalWaitCode =
  /** Less time has passed since the last requests than is to be between them. */
  | 'interval'
  | 'network-incomplete'
  | 'not-collateralized'
  | 'not-validators-manager'
  /** No validator can be withdrawn from. */
  | 'nothing-to-withdraw'
  /** Too few oracles tell which validators they exit. */
  | 'oracle-exits-unknown'
  | 'request-fee-too-high'
  /** The contract takes no requests yet. */
  | 'requests-not-taken'
  /** The beacon chain keeps as many partial withdrawals as it can. */
  | 'withdrawal-queue-full';

/** Why withdrawals that the exit queue needs are not requested, as the metric names it. */
export const WITHDRAWAL_WAITS = [
  'fork_not_begun',
  'network_incomplete',
  'not_collateralized',
  'not_validators_manager',
  'nothing_withdrawable',
  'oracle_exits',
  'queue_full',
  'request_fee',
] as const;
export type WithdrawalWait = (typeof WITHDRAWAL_WAITS)[number];

const NAMES: Readonly<Record<Exclude<WithdrawalWaitCode, 'interval'>, WithdrawalWait>> = {
  'network-incomplete': 'network_incomplete',
  'not-collateralized': 'not_collateralized',
  'not-validators-manager': 'not_validators_manager',
  'nothing-to-withdraw': 'nothing_withdrawable',
  'oracle-exits-unknown': 'oracle_exits',
  'request-fee-too-high': 'request_fee',
  'requests-not-taken': 'fork_not_begun',
  'withdrawal-queue-full': 'queue_full',
};

/** The metric's name of what is in the way; undefined for a pause between two requests, which waits for nothing but time. */
export function withdrawalWaitOf(code: WithdrawalWaitCode): WithdrawalWait | undefined {
  return code === 'interval' ? undefined : NAMES[code];
}
