import type { Registry } from '../../src/lib/metrics.ts';
import {
  createOperatorMetrics,
  type OperatorMetrics,
  type OperatorMetricsOptions,
} from '../../src/operator/probes/metrics.ts';
import { createWatchMetrics } from '../../src/services/fleet/watch/watch-metrics.ts';
import { WatchState } from '../../src/services/fleet/watch/watch-state.ts';

export const METRICS_VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';

/** The operator's figures as a test wants them, without a prefix. */
export function testMetrics(options: Partial<OperatorMetricsOptions> = {}): OperatorMetrics {
  return createOperatorMetrics({
    version: '1.0.0',
    prefix: '',
    network: 'mainnet',
    vault: METRICS_VAULT,
    limits: {
      feeCeilingWei: 10n ** 10n,
      walletMinimumWei: 3n * 10n ** 16n,
      assetsPerValidatorWei: 32n * 10n ** 18n,
    },
    ...options,
  });
}

/** The figures of a watch that has not looked yet. */
export function watchMetrics(): Registry {
  const state = new WatchState({ now: () => new Date(0), scrub: text => text, isListening: () => false });
  return createWatchMetrics(state, { command: 'setup-validator', network: 'mainnet', vault: METRICS_VAULT });
}

/** Samples by their names and labels, without the network's; those of the process and of the runtime left out. */
export async function readSamples(metrics: OperatorMetrics): Promise<ReadonlyMap<string, number>> {
  const text = await metrics.registry.metrics();
  const lines = text.split('\n').filter(line => line !== '' && !/^(#|process_|nodejs_)/.test(line));
  return new Map(
    lines.map(line => {
      const end = line.lastIndexOf(' ');
      const name = line
        .slice(0, end)
        .replace(/network="\w+",|,?network="\w+"/, '')
        .replace('{}', '');
      return [name, Number(line.slice(end + 1))];
    }),
  );
}
