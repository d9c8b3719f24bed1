import type { Network } from '../../networks/network.ts';
import type { WithdrawalOutcome } from '../../services/staking/withdrawals/withdraw-from-validators.ts';
import { withdrawalWaitOf } from '../../services/staking/withdrawals/withdrawal-waits.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';
import { waitReasonOf } from '../probes/wait-reasons.ts';

/** Requests withdrawals from validators when the vault's exit queue lacks assets; looks once in an epoch. */
export function withdrawFromValidators(
  {
    withdraw,
    metrics,
  }: {
    readonly withdraw: (signal: AbortSignal) => Promise<WithdrawalOutcome>;
    readonly metrics: Pick<
      OperatorMetrics,
      'queuedAssets' | 'showWait' | 'showWithdrawalsBlocked' | 'validatorsExitedByOracles'
    >;
  },
  { secondsPerSlot, slotsPerEpoch }: Pick<Network, 'secondsPerSlot' | 'slotsPerEpoch'>,
): Task {
  return {
    name: 'withdraw-validators',
    intervalMs: secondsPerSlot * slotsPerEpoch * 1000,
    async run(signal) {
      const outcome = await withdraw(signal);
      const { queuedAssetsGwei, exitedByOracles } = outcome;
      if (queuedAssetsGwei !== undefined) metrics.queuedAssets.set(Number(queuedAssetsGwei));
      if (exitedByOracles !== undefined) metrics.validatorsExitedByOracles.set(exitedByOracles);
      metrics.showWithdrawalsBlocked(
        outcome.status === 'waiting' ? withdrawalWaitOf(outcome.code) : undefined,
      );
      metrics.showWait('withdraw-validators', waitReasonOf(outcome));
      if (outcome.status === 'waiting') return outcome.waitsFor;
      if (outcome.status === 'nothing-missing') return 'assets to be missing in the exit queue';
      return outcome.status === 'restarted' ? outcome.reason : undefined;
    },
  };
}
