import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, Summary } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry, Summary };

/** A registry of its own for one server, with the process's figures (`process_*`, `nodejs_*`). */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
