import { equalBytes } from '../../lib/bytes.ts';
import { compoundingCredentials, vaultCredentials } from './deposit.ts';

/** Statuses of the beacon node API, in the order in which a validator takes them. */
export const VALIDATOR_STATUSES = [
  'pending_initialized',
  'pending_queued',
  'active_ongoing',
  'active_exiting',
  'active_slashed',
  'exited_unslashed',
  'exited_slashed',
  'withdrawal_possible',
  'withdrawal_done',
] as const;
export type ValidatorStatus = (typeof VALIDATOR_STATUSES)[number];

/** A validator in one state of the beacon chain, as far as staking is planned by it. Gwei are the chain's: on Gnosis, of mGNO. */
export interface ValidatorState {
  readonly index: bigint;
  readonly status: ValidatorStatus;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly withdrawalCredentials: Uint8Array;
  readonly balanceGwei: bigint;
  /** What of the balance counts, in whole ether: follows it with a delay, and may be below 32 ETH when the balance is above. */
  readonly effectiveBalanceGwei: bigint;
  readonly activationEpoch: bigint;
}

/** `MIN_ACTIVATION_BALANCE` of the consensus specification (Electra): what no partial withdrawal goes below. */
export const MIN_ACTIVATION_BALANCE_GWEI = 32_000_000_000n;

/** `SHARD_COMMITTEE_PERIOD` of the consensus specification: how many epochs a validator is active before it may exit. */
export const SHARD_COMMITTEE_PERIOD = 256n;

/** Statuses of validators whose exit has begun or is over. A slashed validator exits, whatever anybody asks for. */
const LEAVING: ReadonlySet<ValidatorStatus> = new Set([
  'active_exiting',
  'active_slashed',
  'exited_unslashed',
  'exited_slashed',
  'withdrawal_possible',
  'withdrawal_done',
]);

/** Whether a validator's exit has begun or is over: it takes no top-up, and every request for it is void. */
export function isLeaving({ status }: Pick<ValidatorState, 'status'>): boolean {
  return LEAVING.has(status);
}

/**
 * Whether a validator's balance goes to this vault, and compounds: the only kind that is topped up and partially withdrawn.
 * @param vault - 20 bytes
 */
export function isCompoundingOf(
  vault: Uint8Array,
  { withdrawalCredentials }: Pick<ValidatorState, 'withdrawalCredentials'>,
): boolean {
  return equalBytes(withdrawalCredentials, compoundingCredentials(vault));
}

/**
 * Whether what a validator has comes to this vault, compounding or not. Another one under a key of the vault's was deposited by
 * somebody else first: credentials are those of a key's first deposit.
 * @param vault - 20 bytes
 */
export function isPaidTo(
  vault: Uint8Array,
  validator: Pick<ValidatorState, 'withdrawalCredentials'>,
): boolean {
  const { withdrawalCredentials } = validator;
  return isCompoundingOf(vault, validator) || equalBytes(withdrawalCredentials, vaultCredentials(vault));
}
