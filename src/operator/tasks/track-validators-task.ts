import type { Logger } from '../../lib/logger.ts';
import type { Network } from '../../networks/network.ts';
import type { NetworkValidators } from '../../services/staking/network-validators/network-validators.ts';
import type { Task } from '../loop/run-task.ts';

/** Keeps the network's validators up to what is finalized; what is newer is looked at when an index is needed. */
export function trackValidators(
  {
    networkValidators,
    log,
  }: {
    readonly networkValidators: Pick<NetworkValidators, 'sync'>;
    readonly log: Pick<Logger, 'info'>;
  },
  { secondsPerSlot, slotsPerEpoch }: Pick<Network, 'secondsPerSlot' | 'slotsPerEpoch'>,
): Task {
  return {
    name: 'track-validators',
    intervalMs: secondsPerSlot * slotsPerEpoch * 1000,
    async run(signal) {
      const { block, added } = await networkValidators.sync(signal);
      if (added > 0) log.info({ added, block }, 'New validators of the network');
      return undefined;
    },
  };
}
