import { planFunding, TOP_UP_BATCH } from '../../../domain/protocol/staking-plan.ts';
import { findUnfunded } from '../../../domain/protocol/unfunded-validators.ts';
import { fromHex, toHex } from '../../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { ExpectedCall } from '../../../transactions/expected-funds.ts';
import { describeReserved } from '../funding/describe-plan.ts';
import type { FundingRules, PlannedStaking } from '../funding/plan-vault-staking.ts';
import type { RegistrationPlan } from '../registration/registration-planner.ts';
import type { StakingOptions } from '../registration/staking-options.ts';
import type { PlannedTopUp, PlannedTopUps, PlanState } from './vault-plan.ts';

export interface PlanTopUpsOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly staking: StakingOptions;
  readonly funding: FundingRules | { readonly off: string };
  /** What is waited for where the wallet is known not to pay for a call; undefined where that cannot be told. */
  readonly findShortfall: (call: ExpectedCall) => string | undefined;
}

/** What a plan of registrations has of top-ups, and which validators get none. */
export function planTopUps(look: RegistrationPlan, options: PlanTopUpsOptions): PlannedTopUps {
  const { planned } = look;
  const nothing = { topUps: [], reservedGwei: 0n, untouched: [] };
  if ('off' in options.funding) return { ...nothing, outlook: { state: 'off', reason: options.funding.off } };
  const outlook = outlookOf(look, options);
  if (planned === undefined) return { ...nothing, outlook };
  return {
    outlook,
    topUps: listTopUps(planned),
    reservedGwei: planned.reservedGwei,
    untouched: listUntouched(planned, options),
  };
}

function outlookOf(
  { planned, decision }: RegistrationPlan,
  { staking, findShortfall }: PlanTopUpsOptions,
): PlanState {
  if (planned === undefined) {
    const reason = decision.status === 'waiting' ? decision.waitsFor : 'nothing was looked at';
    return { state: 'waiting', reason };
  }
  if (planned.topUps.length > 0) {
    if (decision.status === 'waiting') return { state: 'waiting', reason: decision.waitsFor };
    const validators = Math.min(planned.topUps.length, TOP_UP_BATCH);
    const unpaid = findShortfall({ kind: 'fund-validators', validators });
    return unpaid === undefined ? { state: 'acting' } : { state: 'waiting', reason: unpaid };
  }
  const reserved = describeReserved(planned);
  if (reserved !== undefined) return { state: 'waiting', reason: reserved };
  if (planned.stakeableGwei < staking.minDepositAmountGwei) {
    return { state: 'idle', reason: 'the vault has less to stake than --min-deposit-amount-gwei' };
  }
  return { state: 'idle', reason: 'no validator of the vault has room for it' };
}

function listTopUps({ topUps, view }: PlannedStaking): PlannedTopUp[] {
  const candidates = new Map(view?.candidates.map(one => [toHex(one.publicKey), one.balanceGwei]));
  const states = new Map(view?.stake.validators.map(one => [toHex(one.publicKey), one.index]));
  return topUps.map(({ publicKey, amountGwei }) => {
    const key = toHex(publicKey);
    return { publicKey, amountGwei, index: states.get(key), balanceGwei: candidates.get(key) ?? 0n };
  });
}

function listUntouched(
  { view, topUps, untracked, reservedGwei, stakeableGwei }: PlannedStaking,
  { vault, staking }: PlanTopUpsOptions,
): PlannedTopUps['untouched'] {
  if (view === undefined) return [];
  const { publicKeys, validators, pending } = view.stake;
  return findUnfunded({
    ...staking,
    vault: fromHex(vault, ADDRESS_LENGTH),
    publicKeys,
    validators,
    pending,
    candidates: view.candidates,
    untracked,
    chosen: topUps,
    reserved: reservedGwei > 0n ? planFunding(view.candidates, stakeableGwei, staking) : [],
  });
}
