import type { Network } from '../../networks/network.ts';
import type { ValidatorRegistrar } from '../../services/staking/registration/register-validators.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';

/** Registers validators as soon as the vault has the assets, a batch a slot. */
export function registerValidators(
  {
    loadRegistrar,
    metrics,
  }: {
    /** The same one as long as its configuration is the same. */
    readonly loadRegistrar: () => Promise<ValidatorRegistrar>;
    readonly metrics: Pick<OperatorMetrics, 'stakeableAssets'>;
  },
  { secondsPerSlot }: Pick<Network, 'secondsPerSlot'>,
): Task {
  return {
    name: 'register-validators',
    intervalMs: secondsPerSlot * 1000,
    async run(signal) {
      const registrar = await loadRegistrar();
      const outcome = await registrar.run(signal);
      metrics.stakeableAssets.set(Number(outcome.stakeableAssetsWei));
      if (outcome.status === 'waiting') return outcome.waitsFor;
      if (outcome.status === 'idle') return 'assets for the next validator';
      return outcome.status === 'restarted' ? outcome.reason : undefined;
    },
  };
}
