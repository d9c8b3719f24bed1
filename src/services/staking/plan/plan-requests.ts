import { findUntouched } from '../../../domain/protocol/untouched-validators.ts';
import { fromHex } from '../../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { WithdrawalDecision } from '../withdrawals/withdrawals-planner.ts';
import type { PlannedRequests, PlanState } from './vault-plan.ts';

export interface PlanRequestsOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly withdrawals: { readonly isWithoutExits: boolean } | { readonly off: string };
}

/** What is decided about withdrawals, and which validators nothing is asked of. */
export function planRequests(
  decision: WithdrawalDecision | undefined,
  { vault, withdrawals }: PlanRequestsOptions,
): PlannedRequests {
  const planned = decision?.planned;
  const count = decision?.status === 'request' ? decision.count : 0;
  const chosen = planned?.plan.withdrawals ?? [];
  const common = {
    outlook: outlookOf(decision, withdrawals),
    lackingGwei: decision?.lackingGwei,
    comingInGwei: planned?.comingInGwei,
    missingGwei: planned?.missingGwei,
    uncoveredGwei: planned?.plan.uncoveredGwei,
    withdrawals: chosen.slice(0, count),
    later: chosen.slice(count),
  };
  if (planned === undefined || planned.missingGwei < 1n || 'off' in withdrawals) {
    return { ...common, untouched: [] };
  }
  const { stake, plan, oracleExits, missingGwei, validatorMinActiveEpochs, awaitingDeposits } = planned;
  const { head, validators, pending } = stake;
  const facts = {
    vault: fromHex(vault, ADDRESS_LENGTH),
    epoch: head.epoch,
    validators,
    pending,
    oracleExits,
    awaitingDeposits,
    missingGwei,
    validatorMinActiveEpochs,
    isWithoutExits: withdrawals.isWithoutExits,
  };
  return { ...common, untouched: findUntouched(facts, plan) };
}

function outlookOf(
  decision: WithdrawalDecision | undefined,
  withdrawals: PlanRequestsOptions['withdrawals'],
): PlanState {
  if ('off' in withdrawals) return { state: 'off', reason: withdrawals.off };
  switch (decision?.status) {
    case 'request':
      return { state: 'acting' };
    case 'waiting':
      return { state: 'waiting', reason: decision.waitsFor };
    default:
      return { state: 'idle', reason: 'the exit queue lacks nothing that is not coming in' };
  }
}
