/** Why withdrawals that the exit queue needs are not requested, as the metric names it. A pause between two requests is none. */
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
