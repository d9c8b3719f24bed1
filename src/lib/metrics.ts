import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, Summary } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry, Summary };

/**
 * A registry of its own for one server, with the process's figures (`process_*`, `nodejs_*`).
 * @param labels - of every figure. Default: none
 * @param options.lagEveryMs - how often the lag of the event loop is sampled, which wakes the process; 10 ms by default
 */
export function createRegistry(
  labels: Readonly<Record<string, string>> = {},
  { lagEveryMs = 10 }: { readonly lagEveryMs?: number } = {},
): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: lagEveryMs });
  return registry;
}
