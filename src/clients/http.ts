import {
  type Dispatcher,
  getGlobalDispatcher,
  interceptors,
  errors as undiciErrors,
  request as undiciRequest,
} from 'undici';
import { ExternalError, messageOf } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import type { Logger } from '../lib/logger.ts';
import { isLoopback } from '../lib/loopback.ts';
import { decodePercents } from '../lib/percent-decoding.ts';
import { retry } from '../lib/retry.ts';
import type { Proxies } from './proxies.ts';

/** What every client is given: how to reach servers. Tests and TLS set-ups bring their own dispatcher. */
export interface HttpDeps {
  readonly dispatcher?: Dispatcher | undefined;
  /** Forward proxies on the way to servers of others, where no dispatcher is given. Never for signers and what holds keys. */
  readonly proxies?: Proxies | undefined;
  /** Is told of every request that is repeated. */
  readonly log?: Pick<Logger, 'debug'> | undefined;
  /** Is told of every request when it has ended. */
  readonly observe?: ((call: HttpCall) => void) | undefined;
  /** Is told at the first failure of a question that is put again for a time, so that nobody sits before a silent program. */
  readonly onWait?: ((wait: Wait) => void) | undefined;
  /** Is told of a server, as scheme, host and port, that has not answered yet when a second has passed. */
  readonly onSlow?: ((server: string) => void) | undefined;
}

/** What is waited for: why, and how much longer at most. */
export interface Wait {
  readonly error: unknown;
  readonly leftMs: number;
}

/** A request that was answered, or failed. */
export interface HttpCall {
  /** Scheme, host and port. */
  readonly server: string;
  readonly durationMs: number;
  readonly outcome: 'ok' | 'refused' | 'timeout' | 'unreachable';
}

export interface HttpRequest {
  /** http or https; credentials in it are sent as basic authentication. */
  readonly url: string | URL;
  readonly method?: 'GET' | 'POST' | 'DELETE' | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  /** Time limit of one attempt, from connecting to the last byte of the body. */
  readonly timeoutMs: number;
  /** Largest body that is read. */
  readonly maxBytes?: number | undefined;
  /** Is given the body piece by piece as it comes, in place of the answer's, which is empty then. Not with `retries`. */
  readonly onPiece?: ((piece: Uint8Array) => void) | undefined;
  /** Attempts after the first one; only for requests that may be repeated. Default: 2 for GET, else 0. */
  readonly retries?: number | undefined;
  /** Redirects that are followed. Default: none. */
  readonly maxRedirects?: number | undefined;
  /** Statuses that are returned instead of thrown. Default: 200 to 299. */
  readonly isExpected?: ((status: number) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** A wait that is over before anybody wonders. */
const WORTH_TELLING_MS = 1_000;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Sends one request, repeating it when that is allowed and may help.
 * @throws HttpStatusError for a status that was not expected; ExternalError `timeout`, `unreachable` or
 *   `response-too-large`. Messages name scheme, host and port only: paths and queries carry API keys.
 */
export function requestHttp(deps: HttpDeps, request: HttpRequest): Promise<HttpResponse> {
  const retries = request.retries ?? ((request.method ?? 'GET') === 'GET' ? 2 : 0);
  return retry(() => observedRequest(deps, request), {
    retries,
    timeoutMs: retries * request.timeoutMs,
    minDelayMs: 100,
    signal: request.signal,
    // Over in a moment: nothing that anybody has to be told of.
    onRetry: logRetry({ log: deps.log }, request.url),
  });
}

async function observedRequest(deps: HttpDeps, request: HttpRequest): Promise<HttpResponse> {
  if (deps.observe === undefined) return await requestOnce(deps, request);
  const { observe } = deps;
  const server = describeEndpoint(request.url);
  const beganAt = performance.now();
  const end = (outcome: HttpCall['outcome']) =>
    observe({ server, durationMs: performance.now() - beganAt, outcome });
  try {
    const response = await requestOnce(deps, request);
    end('ok');
    return response;
  } catch (error) {
    // What the caller has given up says nothing about the server.
    if (!request.signal?.aborted) end(outcomeOf(error));
    throw error;
  }
}

function outcomeOf(error: unknown): HttpCall['outcome'] {
  const code = error instanceof ExternalError ? error.code : '';
  return code === 'timeout' || code === 'unreachable' ? code : 'refused';
}

/**
 * An `onRetry` for one question: logs at debug level which server is asked again, when, and why, and tells of the first
 * failure that something is waited for.
 */
export function logRetry(
  { log, onWait }: Pick<HttpDeps, 'log' | 'onWait'>,
  url: string | URL,
): (error: unknown, delayMs: number, leftMs: number) => void {
  let isTold = false;
  return (error, delayMs, leftMs) => {
    log?.debug({ server: describeEndpoint(url), delayMs: Math.round(delayMs) }, messageOf(error));
    if (!isTold && leftMs >= WORTH_TELLING_MS) onWait?.({ error, leftMs });
    isTold = true;
  };
}

/**
 * Whether an error means that servers of this machine refuse connections, all that were asked: nothing listens there, and
 * nobody who sits before it will have it changed by waiting.
 */
export function isRefusedHere(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isRefusedHere);
  if (error instanceof ExternalError) return isRefusedHere(error.cause);
  const { code, address } = (error ?? {}) as { readonly code?: unknown; readonly address?: unknown };
  return code === 'ECONNREFUSED' && typeof address === 'string' && isLoopback(address);
}

/** The part of a URL that may be shown: scheme, host and port. */
export function describeEndpoint(url: string | URL): string {
  return new URL(url).origin;
}

/** Body of an answer as text. */
export function bodyText(response: Pick<HttpResponse, 'body'>): string {
  return new TextDecoder().decode(response.body);
}

/**
 * Body of an answer as parsed JSON, to be given to a schema.
 * @throws ExternalError `invalid-answer`
 */
export function bodyJson(response: Pick<HttpResponse, 'body'>, endpoint: string | URL): unknown {
  const json = parseJson(bodyText(response));
  // Without the parser's error: it quotes the answer, which may be a key of HashiCorp Vault.
  if (json === undefined) {
    throw new ExternalError('invalid-answer', `${describeEndpoint(endpoint)} did not answer with JSON.`);
  }
  return json;
}

async function requestOnce(deps: HttpDeps, request: HttpRequest): Promise<HttpResponse> {
  const { url, headers } = splitCredentials(request);
  const timeout = AbortSignal.timeout(request.timeoutMs);
  const dispatcher = deps.dispatcher ?? deps.proxies?.dispatcher ?? getGlobalDispatcher();
  try {
    const answer = await undiciRequest(url, {
      method: request.method ?? 'GET',
      headers,
      body: request.body ?? null,
      signal: request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]),
      dispatcher: followRedirects(dispatcher, request.maxRedirects ?? 0),
    });
    const isExpected = request.isExpected ?? (status => status >= 200 && status <= 299);
    const onPiece = isExpected(answer.statusCode) ? request.onPiece : undefined;
    const limits = { maxBytes: request.maxBytes ?? DEFAULT_MAX_BYTES, url, onPiece };
    const body = await readBody(answer.body, limits);
    const response = { status: answer.statusCode, headers: answer.headers, body };
    if (!isExpected(response.status)) throw new HttpStatusError(url, response);
    return response;
  } catch (error) {
    if (request.signal?.aborted) throw request.signal.reason;
    const proxy = deps.dispatcher === undefined ? deps.proxies?.proxyOf(url) : undefined;
    throw describeFailure(error, { url, proxy, timeoutMs: request.timeoutMs, isTimedOut: timeout.aborted });
  }
}

/** undici ignores credentials in a URL, so they are moved to where a server looks for them. */
function splitCredentials(request: HttpRequest): { url: URL; headers: Record<string, string> } {
  const url = new URL(request.url);
  const headers = { ...request.headers };
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodePercents(url.username)}:${decodePercents(url.password)}`;
    headers.authorization ??= `Basic ${Buffer.from(pair).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  return { url, headers };
}

function followRedirects(dispatcher: Dispatcher, maxRedirections: number): Dispatcher {
  return maxRedirections === 0 ? dispatcher : dispatcher.compose(interceptors.redirect({ maxRedirections }));
}

interface BodyLimits extends Pick<HttpRequest, 'onPiece'> {
  readonly maxBytes: number;
  readonly url: URL;
}

async function readBody(
  body: AsyncIterable<Uint8Array>,
  { maxBytes, url, onPiece }: BodyLimits,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new ExternalError(
        'response-too-large',
        `${url.origin} answered with more than ${maxBytes} bytes.`,
      );
    }
    if (onPiece === undefined) chunks.push(chunk);
    else onPiece(chunk);
  }
  return Buffer.concat(chunks);
}

interface Attempt {
  readonly url: URL;
  /** The proxy on the way, as messages call it. */
  readonly proxy: string | undefined;
  readonly timeoutMs: number;
  readonly isTimedOut: boolean;
}

function describeFailure(error: unknown, { url, proxy, timeoutMs, isTimedOut }: Attempt): Error {
  if (error instanceof ExternalError) return error;
  const way = proxy === undefined ? '' : ` through the proxy ${proxy}`;
  if (isTimedOut || error instanceof undiciErrors.ConnectTimeoutError) {
    return new ExternalError('timeout', `${url.origin} did not answer within ${timeoutMs / 1000} s${way}.`, {
      retryable: true,
      cause: error,
    });
  }
  return new ExternalError('unreachable', `${url.origin} cannot be reached${way}: ${reasonOf(error)}.`, {
    retryable: true,
    hint: proxy === undefined ? undefined : hintOfProxy(error),
    cause: error,
  });
}

function hintOfProxy(error: unknown): string {
  return /\b407\b/.test(messageOf(error))
    ? 'The proxy wants credentials: HTTP_PROXY and HTTPS_PROXY take them, as in http://user:password@proxy:3128.'
    : 'Check HTTP_PROXY and HTTPS_PROXY; NO_PROXY names servers that are reached directly.';
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const message = messageOf(error);
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

/** A server answered, but not with a status that the client can use. */
export class HttpStatusError extends ExternalError {
  readonly status: number;
  readonly body: Uint8Array;

  constructor(url: URL, response: Pick<HttpResponse, 'status' | 'body'>) {
    super('http-status', `${url.origin} answered with HTTP status ${response.status}.`, {
      retryable: RETRYABLE_STATUSES.has(response.status),
    });
    this.status = response.status;
    this.body = response.body;
  }
}
