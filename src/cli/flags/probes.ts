import { defaulted, flag, optional } from '../options/option.ts';
import { integer, text } from '../options/value-kinds.ts';

/** A port to listen on; 0 for any that is free. */
export const port = integer({ min: 0, max: 65_535 });

/** `--enable-metrics`: whether metrics are served, and the probes beside them. */
export const enableMetrics = flag({
  description: 'Whether to enable metrics server. Disabled by default.',
  env: 'ENABLE_METRICS',
});

/** `--metrics-host`: where metrics and probes are served. */
export const metricsHost = defaulted(() => '127.0.0.1', {
  description: 'The prometheus metrics host. Default is 127.0.0.1.',
  env: 'METRICS_HOST',
  value: text,
});

/** `--metrics-port`. */
export const metricsPort = defaulted(() => '9100', {
  description: 'The prometheus metrics port. Default is 9100.',
  env: 'METRICS_PORT',
  value: port,
});

/** `--health-port`: probes alone, whether metrics are served or not. */
export const healthPort = optional({
  description: 'Port of /livez and /readyz, on the metrics host. Default is none.',
  env: 'HEALTH_PORT',
  value: port,
});
