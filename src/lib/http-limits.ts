import type { Server, ServerOptions } from 'node:http';

/** What a client of an HTTP server may take of it. */
export interface HttpLimits {
  /** Connections at once; further ones are closed as they come. */
  readonly connections: number;
  /** Time limit from the connection, or the first byte of a further request, to the end of the headers. */
  readonly headersMs: number;
  /** Time limit of headers and body together. */
  readonly requestMs: number;
  /** Time limit of a connection on which nothing moves, and of one that waits for its next request. */
  readonly idleMs: number;
}

/**
 * How often connections are looked at. Node's own default is 30 seconds: what is to be cut after ten would be cut after up
 * to forty.
 */
const CHECK_INTERVAL_MS = 1_000;

/** What `createServer` takes; {@link limitConnections} does the rest. */
export function serverOptions({ headersMs, requestMs, idleMs }: HttpLimits): ServerOptions {
  return {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  };
}

/** Bounds the number of a server's connections, and how long one may stand still: also one whose client never reads. */
export function limitConnections(server: Server, { connections, idleMs }: HttpLimits): void {
  server.maxConnections = connections;
  server.timeout = idleMs;
}
