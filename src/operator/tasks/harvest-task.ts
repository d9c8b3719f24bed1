import type { Network } from '../../networks/network.ts';
import type { HarvestOutcome } from '../../services/staking/harvest/harvest-vault.ts';
import type { Task } from '../loop/run-task.ts';

/** Harvests the vault's rewards when there are any. */
export function harvestVaultTask(
  { harvest }: { readonly harvest: (signal: AbortSignal) => Promise<HarvestOutcome> },
  { secondsPerSlot }: Pick<Network, 'secondsPerSlot'>,
): Task {
  return {
    name: 'harvest-vault',
    intervalMs: secondsPerSlot * 1000,
    async run(signal) {
      const outcome = await harvest(signal);
      if (outcome.status === 'waiting') return outcome.waitsFor;
      if (outcome.status === 'nothing-to-harvest') return 'the next rewards';
      return outcome.status === 'restarted' ? outcome.reason : undefined;
    },
  };
}
