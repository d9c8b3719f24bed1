import { WEI_PER_GWEI } from '../../../lib/units.ts';
import type { NoBatch } from './registration-mode.ts';

/** What a pass knows when it decides. */
export interface RegistrationState {
  /** What the vault could stake, with the assets of a pending harvest. */
  readonly assetsWei: bigint;
  /** What stays in the vault and is not staked. */
  readonly minVaultBalanceWei: bigint;
  /** What the vault's assets lose to one validator. */
  readonly assetsPerValidatorWei: bigint;
  /** Number of validators that the assets are enough for, where not each takes the same. */
  readonly affordable?: number | undefined;
  /** Number of validators to top up before. Default: none. */
  readonly topUps?: number | undefined;
  /** What is waited for with assets that are kept for later top-ups; undefined where none are. */
  readonly fundingWaitsFor?: string | undefined;
  /** Largest number of validators that the oracles approve at once. */
  readonly batchLimit: number;
  /** What is waited for where the vault takes no validators before a harvest; undefined where it does. */
  readonly harvestWaitsFor: string | undefined;
  readonly baseFeePerGasWei: bigint;
  /** Largest base fee that is paid for a registration. */
  readonly maxFeePerGasGwei: bigint;
}

/** What a registration waits for: what the vault's next validators lack, or what the chain, the fees or this program do. */
export type RegistrationWaitCode =
  | NoBatch['code']
  | 'harvest-not-possible'
  /** The base fee is above the largest that is paid. */
  | 'fee-ceiling'
  /** The wallet cannot pay for the call. */
  | 'insufficient-funds'
  /** Validators were topped up lately; what the next top-ups take is kept. */
  | 'funding-interval'
  /** The beacon chain's head is behind, or of another chain than the execution node's, as far as can be told now. */
  | 'beacon-head-unsettled'
  /** No beacon node tells which deposits and consolidations wait. */
  | 'beacon-query-not-served'
  /** The network names no contract that is needed. */
  | 'network-incomplete'
  | 'network-validators-not-synced';

/** Why nothing is registered now although the vault has the assets. */
export interface RegistrationWait {
  readonly status: 'waiting';
  readonly code: RegistrationWaitCode;
  /** The same text as long as nothing changes. */
  readonly waitsFor: string;
}

export type RegistrationDecision =
  /** The vault has no assets for a validator. */
  | { readonly status: 'idle' }
  | RegistrationWait
  /** Validators are to be registered: as many as can be had, up to `count`, 0 where there are top-ups only. */
  | { readonly status: 'register'; readonly count: number };

/** The vault's assets that may go into validators. */
export function stakeableWei({
  assetsWei,
  minVaultBalanceWei,
}: Pick<RegistrationState, 'assetsWei' | 'minVaultBalanceWei'>): bigint {
  return assetsWei > minVaultBalanceWei ? assetsWei - minVaultBalanceWei : 0n;
}

/** What one pass does: assets come first, since a vault without any waits for nothing else. */
export function decideRegistration(state: RegistrationState): RegistrationDecision {
  const affordable =
    state.affordable === undefined
      ? stakeableWei(state) / state.assetsPerValidatorWei
      : BigInt(state.affordable);
  const { topUps = 0, fundingWaitsFor } = state;
  if (topUps === 0 && (affordable === 0n || state.batchLimit === 0)) {
    if (fundingWaitsFor === undefined) return { status: 'idle' };
    return { status: 'waiting', code: 'funding-interval', waitsFor: fundingWaitsFor };
  }
  if (state.harvestWaitsFor !== undefined) {
    return { status: 'waiting', code: 'harvest-not-possible', waitsFor: state.harvestWaitsFor };
  }
  if (state.baseFeePerGasWei > state.maxFeePerGasGwei * WEI_PER_GWEI) {
    const waitsFor = `the base fee to fall to ${state.maxFeePerGasGwei} gwei or less`;
    return { status: 'waiting', code: 'fee-ceiling', waitsFor };
  }
  const limit = BigInt(state.batchLimit);
  return { status: 'register', count: Number(affordable < limit ? affordable : limit) };
}
