import type { Server, ServerOptions } from 'node:http';

/** What a client of an HTTP server may take of it. */
export interface HttpLimits {
  /** Connections at once; further ones are closed as they come. */
  readonly connections: number;
  /** From the connection, or the last answer's follower's first byte, to the end of the headers. */
  readonly headersMs: number;
  /** From there to the end of the body: both together. */
  readonly requestMs: number;
  /** A connection on which nothing moves, and one that waits for its next request. */
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
