import { Counter, createRegistry, Gauge, type Registry, Summary } from '../../lib/metrics.ts';

/** Web3Signer's names where it has the figure, so that its dashboards and alerts fit. */
export interface SignerMetrics {
  readonly registry: Registry;
  /** Seconds from reading a request to its signature. */
  readonly signingDuration: Summary;
  readonly missingIdentifiers: Counter;
  readonly malformedRequests: Counter;
  readonly refusals: Counter<'reason'>;
}

/** @param countKeys - asked at every scrape */
export function createSignerMetrics(countKeys: () => number): SignerMetrics {
  const registry = createRegistry();
  const registers = [registry];
  new Gauge({
    name: 'signing_signers_loaded_count',
    help: 'Keys that can sign',
    registers,
    collect() {
      this.set(countKeys());
    },
  });
  return {
    registry,
    signingDuration: new Summary({
      name: 'signing_bls_signing_duration',
      help: 'Seconds from reading a sign request to its signature',
      percentiles: [0.5, 0.95, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 2,
      registers,
    }),
    missingIdentifiers: new Counter({
      name: 'signing_bls_missing_identifier_count_total',
      help: 'Sign requests for keys that are not loaded',
      registers,
    }),
    malformedRequests: new Counter({
      name: 'http_bls_malformed_request_count_total',
      help: 'Sign requests that could not be read',
      registers,
    }),
    refusals: new Counter({
      name: 'signer_refused_requests_total',
      help: 'Sign requests that were refused, by status',
      labelNames: ['reason'],
      registers,
    }),
  };
}
