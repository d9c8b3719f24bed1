import { findUntouched } from '../../../domain/protocol/untouched-validators.ts';
import type { WithdrawalDecision } from '../withdrawals/withdrawals-planner.ts';
import type { PlannedRequests, PlanState } from './vault-plan.ts';

/** Whether withdrawals are asked for at all, and if not, why. */
type WithdrawalsSwitch = { readonly isWithoutExits: boolean } | { readonly off: string };

/** What is decided about withdrawals, and which validators nothing is asked of. */
export function planRequests(
  decision: WithdrawalDecision | undefined,
  { withdrawals }: { readonly withdrawals: WithdrawalsSwitch },
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
  return { ...common, untouched: findUntouched(planned.facts, planned.plan) };
}

function outlookOf(decision: WithdrawalDecision | undefined, withdrawals: WithdrawalsSwitch): PlanState {
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
