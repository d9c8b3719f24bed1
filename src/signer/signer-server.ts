import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { messageOf, OperatorError } from '../lib/errors.ts';

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

/** As Web3Signer's --idle-connection-timeout-seconds. */
const IDLE_TIMEOUT_MS = 30_000;
/** What requests under way get at the end. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Listens. @throws OperatorError 'cannot-listen', 'invalid-tls' */
export async function startServer(
  listener: RequestListener,
  options: { readonly listen: ListenAddress; readonly tls?: ServerTls | undefined },
): Promise<SignerServer> {
  const { listen, tls } = options;
  const server = createHttpServer(listener, tls);
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

function createHttpServer(listener: RequestListener, tls: ServerTls | undefined): Server {
  const timeouts = {
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    requestTimeout: IDLE_TIMEOUT_MS,
    headersTimeout: 10_000,
  };
  if (tls === undefined) return createServer(timeouts, listener);
  const { certificate, key, clientCa } = tls;
  const client =
    clientCa === undefined ? {} : { ca: Buffer.from(clientCa), requestCert: true, rejectUnauthorized: true };
  try {
    return createTlsServer(
      {
        ...timeouts,
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
