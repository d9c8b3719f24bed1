import type { HttpDeps } from '../../../clients/http.ts';
import { fetchIpfsDocument, type IpfsOptions } from '../../../clients/ipfs/ipfs.ts';
import { openSignerEndpoint } from '../../../clients/signer/signer-endpoint.ts';
import type { SignerTls } from '../../../clients/signer/signer-tls.ts';
import { checkSignerHealth, tellsReloadState } from '../../../clients/signer/web3signer.ts';
import { type OwnCheck, passed, skipped } from '../../../domain/fleet/doctor/check.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import { isPlainLoopback } from '../../../lib/loopback.ts';
import { ask } from '../observe/ask.ts';

/** Each IPFS gateway alone: whether it gives the document of the oracles, and the right one. */
export function checkGateways(
  http: HttpDeps,
  ipfs: IpfsOptions,
  { document, limitMs }: { readonly document: string | undefined; readonly limitMs: number },
): Promise<OwnCheck[]> {
  const code = 'ipfs-gateway';
  if (document === undefined)
    return Promise.resolve([skipped(code, 'IPFS gateways', 'no execution node has named a document')]);
  return Promise.all(
    ipfs.gateways.map(async (gateway): Promise<OwnCheck> => {
      const where = `IPFS gateway ${nameOf(gateway)}`;
      const options = { gateways: [gateway], timeoutMs: limitMs };
      const seen = await ask(limitMs, ({ signal }) =>
        fetchIpfsDocument(http, document, { ...options, signal }),
      );
      if (seen.answer === 'answered')
        return passed(code, where, `gives the oracles' document (${seen.latencyMs} ms)`);
      const what = seen.answer === 'failed' ? seen.fault.message.replace(/\.$/, '') : seen.reason;
      return { code, severity: 'warn', where, what, hint: 'Name others first with --ipfs-fetch-endpoints' };
    }),
  );
}

/** A gateway may be written without a scheme; what else is in its URL may be a secret. */
function nameOf(gateway: string): string {
  return URL.canParse(gateway) ? new URL(gateway).host : gateway;
}

/** Whether each signer has loaded all that it was given, and how old it is. */
export function checkSignersHealth(
  urls: readonly EndpointUrl[],
  { tls, limitMs }: { readonly tls: SignerTls | undefined; readonly limitMs: number },
): Promise<OwnCheck[]> {
  const code = 'signer-health';
  const checks = urls.map(async (url): Promise<OwnCheck[]> => {
    const where = `signer ${url.name}`;
    const seen = await ask(limitMs, async ({ signal }) => {
      await using endpoint = openSignerEndpoint({ url, tls, timeoutMs: limitMs, connections: 1 });
      const options = { url, timeoutMs: limitMs, signal };
      const health = await checkSignerHealth(endpoint.http, options);
      return { ...health, isNew: await tellsReloadState(endpoint.http, options).catch(() => false) };
    });
    if (seen.answer === 'not-asked') return [];
    if (seen.answer === 'failed') {
      const what = `does not tell how it is: ${seen.fault.message.replace(/\.$/, '')}`;
      return [{ code, severity: 'warn', where, what, hint: 'Look into its log' }];
    }
    const { isUp, errorCount = 0, isNew } = seen.facts;
    const version = isNew
      ? 'is a Web3Signer of 25.12 or later'
      : 'does not tell how a reload ends: a Web3Signer before 25.12, or the signer of this program';
    if (isUp && errorCount === 0) {
      return [
        passed(code, where, 'is up, and has loaded all that it was given'),
        passed('signer-version', where, version),
      ];
    }
    const what = errorCount > 0 ? `could not load ${errorCount} of its keys` : 'says that it is down';
    return [{ code, severity: 'fail', where, what, hint: 'Its log names each key file that it refuses' }];
  });
  return Promise.all(checks).then(found => found.flat());
}

/** What is sent to one's own servers in clear text over a network: tokens, and what is to be signed. */
export function checkClearText(
  named: readonly { readonly kind: string; readonly url: EndpointUrl }[],
): OwnCheck[] {
  return named.map(({ kind, url }): OwnCheck => {
    const where = `${kind} ${url.name}`;
    if (!isClearText(url))
      return passed('clear-text', where, 'nothing is sent to it in clear text over a network');
    return {
      code: 'clear-text',
      severity: 'warn',
      where,
      what: 'is asked over a network without TLS',
      hint: 'Use https, or a network that is yours alone',
    };
  });
}

function isClearText(url: EndpointUrl): boolean {
  if (url.socketPath !== undefined) return false;
  const { protocol, hostname } = new URL(url.name);
  return (
    protocol === 'http:' && hostname !== 'localhost' && !isPlainLoopback(hostname.replace(/^\[|\]$/g, ''))
  );
}

/** Through which proxies servers of others are reached. */
export function checkProxies({ proxies }: HttpDeps, servers: readonly EndpointUrl[]): OwnCheck[] {
  if (proxies === undefined) return [passed('proxy', 'proxies', 'none is set')];
  return servers.map(url => {
    const proxy = proxies.proxyOf(url.name);
    return passed(
      'proxy',
      url.name,
      proxy === undefined ? 'is reached directly' : `is reached through ${proxy}`,
    );
  });
}
