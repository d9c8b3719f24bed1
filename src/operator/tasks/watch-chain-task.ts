import type { ChainReader } from '../../clients/execution/chain-snapshot.ts';
import type { Logger } from '../../lib/logger.ts';
import { formatEther, WEI_PER_GWEI } from '../../lib/units.ts';
import type { Network } from '../../networks/network.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';

export interface WatchChainDeps {
  readonly chain: Pick<ChainReader, 'readSnapshot'>;
  readonly metrics: Pick<OperatorMetrics, 'blockNumber' | 'slotNumber' | 'baseFee' | 'walletBalance'>;
  readonly log: Pick<Logger, 'warn'>;
}

/** Shows where the chain is and what the hot wallet has; warns when that goes below the network's minimum. */
export function watchChain(
  { chain, metrics, log }: WatchChainDeps,
  network: Pick<Network, 'secondsPerSlot' | 'genesisTimestamp' | 'minWalletBalanceGwei' | 'currency'>,
): Task {
  let isLow = false;
  return {
    name: 'watch-chain',
    intervalMs: network.secondsPerSlot * 1000,
    async run(signal) {
      const snapshot = await chain.readSnapshot({ signal });
      metrics.blockNumber.set(snapshot.blockNumber);
      metrics.baseFee.set(Number(snapshot.baseFeePerGasWei));
      const age = snapshot.timestamp - network.genesisTimestamp;
      metrics.slotNumber.set(Math.max(0, Math.floor(age / network.secondsPerSlot)));
      const balance = snapshot.walletBalanceWei;
      if (balance === null) return undefined;
      metrics.walletBalance.set(Number(balance));
      const wasLow = isLow;
      isLow = balance < network.minWalletBalanceGwei * WEI_PER_GWEI;
      const { currency } = network;
      const minimum = formatEther(network.minWalletBalanceGwei * WEI_PER_GWEI, currency);
      if (isLow && !wasLow)
        log.warn(`The hot wallet has ${formatEther(balance, currency)}, less than ${minimum}`);
      return isLow ? `at least ${minimum} in the hot wallet` : undefined;
    },
  };
}
