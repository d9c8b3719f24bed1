import { z } from 'zod';
import { bodyJson, type HttpDeps, requestHttp } from '../../clients/http.ts';
import { ExternalError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { matchSchema } from '../../lib/match-schema.ts';

/** Time limit of the answer. A container's health check has thirty seconds by default. */
const TIMEOUT_MS = 5_000;
const REPORT = z.object({ phase: z.string(), waitsFor: z.string().nullable() });

export interface ProbeAddress {
  /** What the operator listens on; a wildcard is asked on this machine. */
  readonly host: string;
  readonly port: number;
}

/**
 * Asks the probes of a running operator.
 * @param path - `/livez` is answered by an operator that runs at all, `/readyz` by one that can do its work
 * @returns the URL that has answered
 * @throws ExternalError 'not-ready'; HttpStatusError when another program listens there; 'unreachable', 'timeout'
 */
export async function askProbe(
  deps: HttpDeps,
  { host, port }: ProbeAddress,
  path: '/livez' | '/readyz',
): Promise<string> {
  const url = `http://${asHost(host)}:${port}${path}`;
  const isExpected = (status: number) => status === 200 || (path === '/readyz' && status === 503);
  const response = await requestHttp(deps, { url, timeoutMs: TIMEOUT_MS, retries: 0, isExpected });
  if (response.status === 200) return url;
  const report = matchSchema(REPORT, bodyJson(response, url));
  const state = report.success
    ? foreignText(report.data.waitsFor ?? report.data.phase)
    : 'it does not say why';
  // Most of what is waited for is a sentence.
  const sentence = `The operator at ${url} is not ready: ${state.replace(/\.$/, '')}.`;
  throw new ExternalError('not-ready', sentence, { retryable: true });
}

/** The part of a URL for what is listened on. */
function asHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
