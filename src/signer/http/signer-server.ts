import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { messageOf, OperatorError } from '../../lib/errors.ts';
import { type HttpLimits, limitConnections, serverOptions } from '../../lib/http-limits.ts';
import type { Logger } from '../../lib/logger.ts';
import { onlyClients } from './known-clients.ts';

/** Contents of PEM files. */
export interface ServerTls {
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
  /** Clients must show a certificate of this authority. */
  readonly clientCa?: Uint8Array | undefined;
}

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
  | {
      readonly kind: 'socket';
      readonly path: string;
      /** How to reach that path in a directory that is held; the path itself when left out. */
      readonly at?: string | undefined;
    };

export interface SignerServer extends AsyncDisposable {
  /** URL, or path of the socket. */
  readonly address: string;
}

const LIMITS: HttpLimits = {
  // The largest --signer-concurrency of a client is 1,024.
  connections: 1_280,
  headersMs: 10_000,
  requestMs: 15_000,
  // As Web3Signer's --idle-connection-timeout-seconds.
  idleMs: 30_000,
};
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How often it is said that connections were refused. */
const REFUSED_LOG_INTERVAL_MS = 60_000;
/** What requests under way get at the end. */
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Listens.
 * @param options.clientNames - whom certificates must name, in their subject or as a DNS name; others are answered 403
 * @throws OperatorError 'cannot-listen', 'invalid-tls'
 */
export async function startServer(
  listener: RequestListener,
  options: {
    readonly listen: ListenAddress;
    readonly tls?: ServerTls | undefined;
    readonly clientNames?: readonly string[] | undefined;
    readonly log: Pick<Logger, 'warn'>;
  },
): Promise<SignerServer> {
  const { listen, tls, clientNames, log } = options;
  const admitting = clientNames === undefined ? listener : onlyClients(clientNames, log, listener);
  const server = createHttpServer(admitting, tls);
  limitConnections(server, LIMITS);
  tellOfRefused(server, log);
  const where = listen.kind === 'tcp' ? `${listen.address} port ${listen.port}` : listen.path;
  try {
    bind(server, listen);
    await once(server, 'listening');
  } catch (error) {
    throw new OperatorError('cannot-listen', `Cannot listen on ${where}: ${messageOf(error)}.`, {
      cause: error,
    });
  }
  const address = listen.kind === 'socket' ? listen.path : describeAddress(server, tls);
  return { address, [Symbol.asyncDispose]: () => closeServer(server) };
}

/** A socket has its mode from its first moment: by its path, somebody else's file could get it later. */
function bind(server: Server, listen: ListenAddress): void {
  if (listen.kind === 'tcp') {
    server.listen({ host: listen.address, port: listen.port, backlog: 1024 });
    return;
  }
  const before = process.umask(0o177);
  try {
    server.listen({ path: listen.at ?? listen.path, backlog: 1024 });
  } finally {
    process.umask(before);
  }
}

/** Says that there are too many connections, which a client sees as one that breaks; not for each of them. */
function tellOfRefused(server: Server, log: Pick<Logger, 'warn'>): void {
  let toldAt = Number.NEGATIVE_INFINITY;
  server.on('drop', () => {
    if (performance.now() - toldAt < REFUSED_LOG_INTERVAL_MS) return;
    toldAt = performance.now();
    log.warn({ connections: LIMITS.connections }, 'further connections are refused');
  });
}

function createHttpServer(listener: RequestListener, tls: ServerTls | undefined): Server {
  if (tls === undefined) return createServer(serverOptions(LIMITS), listener);
  const { certificate, key, clientCa } = tls;
  const client =
    clientCa === undefined ? {} : { ca: Buffer.from(clientCa), requestCert: true, rejectUnauthorized: true };
  try {
    return createTlsServer(
      {
        ...serverOptions(LIMITS),
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        cert: Buffer.from(certificate),
        key: Buffer.from(key),
        ...client,
        minVersion: 'TLSv1.2',
      },
      listener,
    );
  } catch (error) {
    throw new OperatorError(
      'invalid-tls',
      `The TLS certificate and key cannot be used: ${messageOf(error)}.`,
      {
        cause: error,
      },
    );
  }
}

function describeAddress(server: Server, tls: ServerTls | undefined): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return String(address);
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${tls === undefined ? 'http' : 'https'}://${host}:${address.port}`;
}

/** Lets requests under way end, for a while. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await closed;
  clearTimeout(timer);
}
