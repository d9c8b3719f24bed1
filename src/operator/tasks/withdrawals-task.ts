import type { Network } from '../../networks/network.ts';
import type { WithdrawalOutcome } from '../../services/staking/withdrawals/withdraw-from-validators.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';

/** Requests withdrawals from validators when the vault's exit queue lacks assets; looks once in an epoch. */
export function withdrawFromValidators(
  {
    withdraw,
    metrics,
  }: {
    readonly withdraw: (signal: AbortSignal) => Promise<WithdrawalOutcome>;
    readonly metrics: Pick<
      OperatorMetrics,
      'queuedAssets' | 'showWithdrawalsBlocked' | 'validatorsExitedByOracles'
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
      metrics.showWithdrawalsBlocked(outcome.status === 'waiting' ? outcome.reason : undefined);
      if (outcome.status === 'waiting') return outcome.waitsFor;
      if (outcome.status === 'nothing-missing') return 'assets to be missing in the exit queue';
      return outcome.status === 'restarted' ? outcome.reason : undefined;
    },
  };
}
