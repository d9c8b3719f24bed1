import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { printableMember } from '../../lib/foreign-text.ts';
import { isAskedByPage, readHost } from '../../lib/http-caller.ts';
import { type HttpLimits, limitConnections, serverOptions } from '../../lib/http-limits.ts';
import { closeHttp, listenHttp } from '../../lib/listen-http.ts';
import type { Registry } from '../../lib/metrics.ts';

export interface HealthServerOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** What messages call the server: "metrics" or "health". */
  readonly name: string;
  /** Figures of `/metrics`; without them there is no such path. */
  readonly registry?: Registry | undefined;
  /** What `/readyz` shows, and by which status. */
  readonly status: { readonly report: () => { readonly ready: boolean } };
}

export interface HealthServer extends AsyncDisposable {
  readonly url: string;
}

/** Probes and scrapers are few. */
const LIMITS: HttpLimits = { connections: 64, headersMs: 10_000, requestMs: 10_000, idleMs: 30_000 };

/**
 * Answers probes: `/livez`, or `/healthz`, as long as the process answers at all, `/readyz` 200 or 503 with what it is at, and
 * `/metrics` where it is given figures.
 * @throws OperatorError 'port-in-use', 'cannot-listen'
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { host, port, name } = options;
  const server = createServer(serverOptions(LIMITS), (request, response) => {
    answer(options, request, response).catch(() => response.writeHead(500).end());
  });
  limitConnections(server, LIMITS);
  const url = await listenHttp(server, { host, port, name });
  return { url, [Symbol.asyncDispose]: () => closeHttp(server) };
}

async function answer(
  { registry, status }: HealthServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0];
  if (readHost(request) === 'invalid') {
    response.writeHead(400, { connection: 'close' }).end();
  } else if (isAskedByPage(request) && request.headers['sec-fetch-mode'] !== 'navigate') {
    // A link to it may be followed; a page of another site gets nothing.
    response.writeHead(403).end();
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
  } else if (path === '/livez' || path === '/healthz') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
  } else if (path === '/readyz') {
    const report = status.report();
    response.writeHead(report.ready ? 200 : 503, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(report, printableMember, 2)}\n`);
  } else if (registry !== undefined && (path === '/metrics' || path === '/')) {
    // Python's prometheus client answers every path.
    const body = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType }).end(body);
  } else {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
  }
}
