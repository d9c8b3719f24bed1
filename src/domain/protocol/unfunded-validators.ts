import { type Hex, toHex } from '../../lib/bytes.ts';
import { isCompoundingOf, isLeaving, type ValidatorState } from '../consensus/validator-state.ts';
import type { PendingOperations } from './pending-operations.ts';
import type { FundingCandidate, StakingLimits } from './staking-plan.ts';

/** Why a validator gets no top-up. */
export type UnfundedReason =
  /** Its withdrawal credentials are not of type 0x02, or not of this vault. */
  | 'other-credentials'
  /** Its exit has begun or is over; slashed validators are among these. */
  | 'exiting'
  | 'exit-requested'
  /** It is the source of a consolidation, or the target of one that is not known what it brings. */
  | 'consolidating'
  /** The beacon chain does not know it, and no deposit of the vault's waits for it. */
  | 'unknown'
  /** The vault has neither registered it with 0x02 credentials nor had it switched to them. */
  | 'untracked'
  /** What it lacks is less than is worth a deposit. */
  | 'full'
  /** Others get what there is. */
  | 'not-enough-assets'
  /** It is too early after the last top-up; what it would get is kept. */
  | 'interval';

/** A validator that gets no top-up. */
export interface UnfundedValidator {
  /** Undefined where the beacon chain does not know it. */
  readonly index: bigint | undefined;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  readonly reason: UnfundedReason;
}

/** What decides about top-ups, and what was decided. */
export interface FundingView extends StakingLimits {
  /** 20 bytes. */
  readonly vault: Uint8Array;
  /** Public keys of all of the vault's validators, 48 bytes each. */
  readonly publicKeys: readonly Uint8Array[];
  /** Those that the beacon chain knows. */
  readonly validators: readonly ValidatorState[];
  readonly pending: PendingOperations;
  /** Those that take top-ups. */
  readonly candidates: readonly FundingCandidate[];
  /** Those that the vault refuses to top up, lower case. */
  readonly untracked: readonly Hex[];
  /** Those that get one, and those that would get one if it were not too early. */
  readonly chosen: readonly { readonly publicKey: Uint8Array }[];
  readonly reserved: readonly { readonly publicKey: Uint8Array }[];
}

/** The vault's validators that get no top-up, each with the reason, in the order of their registration. */
export function findUnfunded(view: FundingView): UnfundedValidator[] {
  const keysOf = (list: readonly { readonly publicKey: Uint8Array }[]) =>
    new Set(list.map(({ publicKey }) => toHex(publicKey)));
  const chosen = keysOf(view.chosen);
  const reserved = keysOf(view.reserved);
  const untracked = new Set(view.untracked);
  const candidates = new Map(view.candidates.map(one => [toHex(one.publicKey), one]));
  const states = new Map(view.validators.map(one => [toHex(one.publicKey), one]));
  const findReason = (key: Hex): UnfundedReason => {
    if (reserved.has(key)) return 'interval';
    if (untracked.has(key)) return 'untracked';
    const candidate = candidates.get(key);
    const state = states.get(key);
    if (candidate === undefined) return state === undefined ? 'unknown' : findObstacle(view, state);
    const roomGwei = view.maxValidatorBalanceGwei - candidate.balanceGwei;
    return roomGwei <= 0n || roomGwei < view.minDepositAmountGwei ? 'full' : 'not-enough-assets';
  };
  return view.publicKeys.flatMap(publicKey => {
    const key = toHex(publicKey);
    if (chosen.has(key)) return [];
    return [{ index: states.get(key)?.index, publicKey, reason: findReason(key) }];
  });
}

/** Why a validator that the beacon chain knows takes no top-ups at all: see `findFundingCandidates`. */
function findObstacle({ vault, pending }: FundingView, validator: ValidatorState): UnfundedReason {
  if (isLeaving(validator)) return 'exiting';
  if (!isCompoundingOf(vault, validator)) return 'other-credentials';
  return pending.exits.has(validator.index) ? 'exit-requested' : 'consolidating';
}
