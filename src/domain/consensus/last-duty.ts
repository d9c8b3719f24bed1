/** A validator's way out, as the state of the beacon chain has it. */
export interface ValidatorExit {
  /** The first epoch in which it is not active any more; 2^64 - 1 while it does not exit. */
  readonly exitEpoch: bigint;
  readonly withdrawableEpoch: bigint;
}

/**
 * Epochs after its exit in which a validator may still be in a sync committee: two periods, of the longest that there are.
 * `get_next_sync_committee_indices` (Altair) takes from those that are active at the beginning of a period, for the period after
 * that one; who exits just behind that beginning serves until the next period is over. EPOCHS_PER_SYNC_COMMITTEE_PERIOD is 256 on
 * mainnet and hoodi, and 512 on gnosis and chiado.
 */
const LAST_DUTY_EPOCHS = 2n * 512n;

/**
 * Whether a validator can never have to sign again. From its exit epoch on it is not active (`is_active_validator`, phase 0):
 * it attests and proposes no more, slashed or not. What outlasts that is a sync committee, whose members stay although they exit,
 * and the time until its balance may be withdrawn, before which nothing of it is final for its owner.
 * @param epoch - one whose beginning is finalized
 */
export function hasNoDutyLeft({ exitEpoch, withdrawableEpoch }: ValidatorExit, epoch: bigint): boolean {
  return withdrawableEpoch <= epoch && exitEpoch + LAST_DUTY_EPOCHS <= epoch;
}
