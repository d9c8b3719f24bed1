import { toHex } from '../lib/bytes.ts';
import type { PlanState } from '../services/staking/plan/vault-plan.ts';
import type { ShownPlan } from './plan-lines.ts';
import type { ResultOf } from './result-members.ts';
import type { RESULT } from './results/plan.ts';

/** A plan as `--json` prints it. */
export function planResult(shown: ShownPlan, notes: readonly string[]): ResultOf<typeof RESULT> {
  const { plan, vault, vaultVersion, wallet } = shown;
  const { head, assets, funding, registration, withdrawals } = plan;
  const { number: block, hash: blockHash, timestamp } = head.executionBlock;
  return {
    vault,
    vaultVersion,
    head: {
      block,
      blockHash,
      slot: Number(head.slot),
      epoch: Number(head.epoch),
      minedAt: new Date(timestamp * 1000).toISOString(),
    },
    wallet,
    assets: {
      withdrawableWei: String(assets.withdrawableWei),
      redemptionsWei: String(assets.redemptionsWei),
      minBalanceWei: String(assets.minBalanceWei),
      stakeableGwei: String(assets.stakeableGwei),
    },
    funding: {
      ...outlookOf(funding.outlook),
      reservedGwei: String(funding.reservedGwei),
      topUps: funding.topUps.map(({ index, publicKey, balanceGwei, amountGwei }) => ({
        index: index === undefined ? undefined : Number(index),
        publicKey: toHex(publicKey),
        balanceGwei: String(balanceGwei),
        amountGwei: String(amountGwei),
        newBalanceGwei: String(balanceGwei + amountGwei),
      })),
      untouched: funding.untouched.map(({ publicKey, reason }) => ({ publicKey: toHex(publicKey), reason })),
    },
    registration: {
      ...outlookOf(registration.outlook),
      type: registration.type,
      keySource: registration.keySource,
      amounts: registration.amountsGwei.map(String),
      newValidators: registration.validators.map(({ publicKey, amountGwei }) => ({
        publicKey: toHex(publicKey),
        amountGwei: String(amountGwei),
      })),
      restGwei: String(registration.restGwei),
    },
    withdrawals: {
      ...outlookOf(withdrawals.outlook),
      lackingGwei: decimal(withdrawals.lackingGwei),
      comingInGwei: decimal(withdrawals.comingInGwei),
      missingGwei: decimal(withdrawals.missingGwei),
      uncoveredGwei: decimal(withdrawals.uncoveredGwei),
      requests: withdrawals.withdrawals.map(({ index, publicKey, kind, amountGwei, returnsGwei }) => ({
        index: Number(index),
        publicKey: toHex(publicKey),
        kind,
        amountGwei: String(amountGwei),
        returnsGwei: String(returnsGwei),
      })),
      later: withdrawals.later.map(({ index }) => Number(index)),
      untouched: withdrawals.untouched.map(({ index, reason }) => ({ index: Number(index), reason })),
    },
    costs: costsOf(shown),
    notes,
  };
}

function costsOf({ plan: { costs } }: ShownPlan): ResultOf<typeof RESULT>['costs'] {
  const { balanceWei, gasWei, requestFeesWei } = costs;
  const leftWei = balanceWei === null ? undefined : balanceWei - gasWei - requestFeesWei;
  return {
    requestFeeWei: decimal(costs.requestFeeWei),
    requestFeesWei: String(requestFeesWei),
    baseFeePerGasWei: String(costs.baseFeePerGasWei),
    priorityFeePerGasWei: String(costs.priorityFeePerGasWei),
    calls: costs.calls.map(({ kind, gas, isLeast, refusal }) => ({
      kind,
      gas: Number(gas),
      atLeast: isLeast,
      refusal,
    })),
    gasWei: String(gasWei),
    balanceWei: decimal(balanceWei ?? undefined),
    balanceAfterWei: leftWei === undefined ? undefined : String(leftWei < 0n ? 0n : leftWei),
    enough: leftWei === undefined ? undefined : leftWei >= 0n,
  };
}

function outlookOf(outlook: PlanState) {
  return { state: outlook.state, reason: outlook.state === 'acting' ? undefined : outlook.reason };
}

function decimal(amount: bigint | undefined): string | undefined {
  return amount === undefined ? undefined : String(amount);
}
