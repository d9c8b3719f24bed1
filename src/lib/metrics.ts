import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, Summary } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry, Summary };

/**
 * A registry of its own for one server, with the process's figures (`process_*`, `nodejs_*`).
 * @param labels - of every figure. Default: none
 */
export function createRegistry(labels: Readonly<Record<string, string>> = {}): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  return registry;
}
