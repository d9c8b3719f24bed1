import { buildConnector, Pool } from 'undici';
import type { z } from 'zod';
import { EndpointUrl } from '../../lib/endpoint-url.ts';
import { ExternalError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import type { Logger } from '../../lib/logger.ts';
import { matchSchema } from '../../lib/match-schema.ts';
import { bodyText, type HttpDeps, type HttpResponse, HttpStatusError, requestHttp } from '../http.ts';
import { explainSignerFailure, explainSignerStatus, type SignerRequestSubject } from './signer-errors.ts';
import { type SignerTls, tlsConnectOptions } from './signer-tls.ts';

/** Web3Signer closes sockets that have been idle for 30 s, without a word. */
const KEEP_ALIVE_MS = 20_000;
const SOCKET_SCHEME = 'unix:';

/** One signer and the open connections to it. */
export interface SignerEndpoint extends AsyncDisposable {
  /** What messages call the signer: origin, or path of the socket. */
  readonly name: string;
  readonly url: EndpointUrl;
  readonly http: HttpDeps;
}

export interface SignerEndpointOptions {
  /** http or https URL, or `unix:/path/of.sock`. */
  readonly url: EndpointUrl | string;
  readonly tls?: SignerTls | undefined;
  /** Connections at most. */
  readonly connections: number;
  /** Time limit of one request. */
  readonly timeoutMs: number;
  readonly log?: Pick<Logger, 'debug'> | undefined;
  readonly observe?: HttpDeps['observe'] | undefined;
}

export interface SignerRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
  readonly maxBytes?: number | undefined;
  readonly onPiece?: ((piece: Uint8Array) => void) | undefined;
  readonly retries?: number | undefined;
  readonly isExpected?: ((status: number) => boolean) | undefined;
  readonly signing?: SignerRequestSubject['signing'] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A URL for a signer's Unix socket. */
export function socketUrl(path: string): string {
  return `${SOCKET_SCHEME}${path}`;
}

/**
 * Prepares the connections to one signer; none is opened yet.
 * @throws UsageError when the TLS material cannot be used
 */
export function openSignerEndpoint(options: SignerEndpointOptions): SignerEndpoint {
  const { tls, connections, timeoutMs, log, observe } = options;
  const url = EndpointUrl.from(options.url);
  const { socketPath } = url;
  const pool = new Pool(socketPath === undefined ? url.name : 'http://localhost', {
    connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // Every request brings its own time limit.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: keepFirstError(
      buildConnector({
        timeout: timeoutMs,
        ...(socketPath !== undefined && { socketPath }),
        ...(tls !== undefined && tlsConnectOptions(tls)),
      }),
    ),
  });
  return {
    name: url.name,
    url,
    http: { dispatcher: pool, log, observe },
    // Requests that still run would keep a stopping program alive.
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

/**
 * The connector, whose sockets fail with the first error. A server that speaks TLS 1.3 refuses a client certificate after
 * the handshake: with an alert, and then the end of the stream. undici reports the last of the two, which does not say why;
 * a socket that is destroyed at once has no end.
 */
function keepFirstError(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result) => {
      const [, socket] = result;
      socket?.once('error', () => socket.destroy());
      callback(...result);
    });
}

/**
 * Sends one request to a signer.
 * @throws ExternalError that says what to change: `signer-errors.ts`, and those of `requestHttp`
 */
export async function requestSigner(
  endpoint: Pick<SignerEndpoint, 'name' | 'http'> & { readonly url: EndpointUrl | string },
  request: SignerRequest,
): Promise<HttpResponse> {
  const { path, signing, ...rest } = request;
  try {
    return await requestHttp(endpoint.http, { ...rest, url: `${baseUrl(endpoint.url)}${path}` });
  } catch (error) {
    if (error instanceof HttpStatusError) {
      throw explainSignerStatus(error, { name: endpoint.name, path, signing });
    }
    throw explainSignerFailure(error, endpoint.name);
  }
}

/**
 * An answer's JSON, checked.
 * @throws ExternalError 'invalid-answer'
 */
export function parseSignerAnswer<T>(schema: z.ZodType<T>, response: HttpResponse, name: string): T {
  const checked = matchSchema(schema, parseJson(bodyText(response)));
  if (checked.success) return checked.data;
  throw new ExternalError('invalid-answer', `${name} does not answer as a Web3Signer does.`, {
    cause: checked.fault.cause,
  });
}

/** A signer as messages call it: its origin, or its socket's path. */
export function nameOf(url: EndpointUrl | string): string {
  return EndpointUrl.from(url).name;
}

function baseUrl(url: EndpointUrl | string): string {
  const endpoint = EndpointUrl.from(url);
  return endpoint.socketPath === undefined ? endpoint.reveal() : 'http://localhost';
}
