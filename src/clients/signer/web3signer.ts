import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import type { EndpointUrl } from '../../lib/endpoint-url.ts';
import { ExternalError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { bodyText, type HttpDeps, type HttpResponse } from '../http.ts';
import { ListedKeys } from './listed-keys.ts';
import { nameOf, parseSignerAnswer, requestSigner } from './signer-endpoint.ts';

export interface Web3SignerOptions {
  /** http, https, or `unix:` and the path of a socket: then `HttpDeps` must bring the dispatcher to it. */
  readonly url: EndpointUrl | string;
  /** Time limit of one request. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A signer's own view of itself. */
export interface SignerHealth {
  readonly isUp: boolean;
  /** Keys and loading errors of all its sources; undefined from a signer that does not say. */
  readonly keysLoaded: number | undefined;
  readonly errorCount: number | undefined;
}

/** What a reload came to, in the signer's words. */
export interface ReloadOutcome {
  readonly status: 'completed' | 'completed_with_errors' | 'failed';
  readonly lastError: string | undefined;
}

interface HealthCheck {
  readonly status: string;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly checks?: readonly HealthCheck[] | undefined;
}

const healthAnswer: z.ZodType<HealthCheck> = z.object({
  status: z.string(),
  data: z.record(z.string(), z.unknown()).optional(),
  checks: z.array(z.lazy(() => healthAnswer)).optional(),
});
// Web3Signer writes 0x; other signers of its API need not, and the Python operator takes both.
const publicKeysAnswer = z.array(z.string().regex(/^(0x)?[0-9a-fA-F]{96}$/));
const reloadAnswer = z.object({
  status: z.enum(['idle', 'running', 'completed', 'completed_with_errors', 'failed']),
  lastOperationTime: z.string().optional(),
  lastError: z.string().transform(foreignText).optional(),
});
type ReloadState = z.infer<typeof reloadAnswer>;

const JSON_ONLY = { accept: 'application/json' };
/** 120,000 keys are 12 MB. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/**
 * Whether the signer is up (Web3Signer `GET /upcheck`).
 * @throws ExternalError when it is not
 */
export async function checkSignerUp(deps: HttpDeps, options: Web3SignerOptions): Promise<void> {
  const response = await send(deps, options, 'GET', '/upcheck', { accept: 'text/plain' });
  if (bodyText(response).trim() !== 'OK') {
    throw new ExternalError('invalid-answer', `${nameOf(options.url)} does not answer as a Web3Signer does.`);
  }
}

/** What the signer says of itself (`GET /healthcheck`): it is down when any of its keys failed to load. */
export async function checkSignerHealth(deps: HttpDeps, options: Web3SignerOptions): Promise<SignerHealth> {
  const isExpected = (status: number) => status === 200 || status === 503;
  const response = await send(deps, options, 'GET', '/healthcheck', JSON_ONLY, isExpected);
  const health = parseSignerAnswer(healthAnswer, response, nameOf(options.url));
  return {
    isUp: response.status === 200 && health.status === 'UP',
    keysLoaded: sumOf(health, 'keys-loaded'),
    errorCount: sumOf(health, 'error-count'),
  };
}

/** Sum of a figure over all checks within a check. */
function sumOf(check: HealthCheck, figure: string): number | undefined {
  const own = check.data?.[figure];
  const parts = (check.checks ?? []).map(part => sumOf(part, figure)).filter(part => part !== undefined);
  if (typeof own === 'number') parts.push(own);
  return parts.length === 0 ? undefined : parts.reduce((sum, part) => sum + part, 0);
}

/**
 * Public keys of the keys that the signer has loaded (`GET /api/v1/eth2/publicKeys`), in lower case; the signer lists
 * them in no order.
 */
export async function listSignerPublicKeys(
  deps: HttpDeps,
  options: Web3SignerOptions,
): Promise<ReadonlySet<Hex>> {
  const response = await send(deps, options, 'GET', '/api/v1/eth2/publicKeys', JSON_ONLY);
  const publicKeys = parseSignerAnswer(publicKeysAnswer, response, nameOf(options.url));
  return new Set(publicKeys.map(publicKey => toHex(fromHex(publicKey, PUBLIC_KEY_LENGTH))));
}

/**
 * The same keys one after another, 48 bytes each, read as they come: of ten thousand validators with their shares a set takes
 * four times as much. A key that is listed twice stands there twice.
 */
export async function readSignerPublicKeys(deps: HttpDeps, options: Web3SignerOptions): Promise<Uint8Array> {
  const listed = new ListedKeys();
  const name = nameOf(options.url);
  await requestSigner(
    { url: options.url, name, http: deps },
    {
      method: 'GET',
      path: '/api/v1/eth2/publicKeys',
      headers: JSON_ONLY,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      isExpected: status => status === 200,
      maxBytes: MAX_LIST_BYTES,
      retries: 0,
      onPiece: piece => listed.add(piece),
    },
  );
  const keys = listed.end();
  if (keys !== undefined) return keys;
  throw new ExternalError('invalid-answer', `${name} does not answer as a Web3Signer does.`);
}

/**
 * Has the signer read its key files again (`POST /reload`) and waits for the end. A reload that is already running is
 * waited for first, since it may have read the files before they changed. Signers before 25.12 reload before they
 * answer, and have no state to ask for.
 * @param options.reloadTimeoutMs - how long the reload may take
 * @throws ExternalError `reload-timeout` when it does not end in time
 */
export async function reloadSigner(
  deps: HttpDeps,
  options: Web3SignerOptions & { readonly reloadTimeoutMs: number; readonly pollMs?: number | undefined },
): Promise<ReloadOutcome> {
  const deadline = performance.now() + options.reloadTimeoutMs;
  let before = await fetchReloadState(deps, options);
  while ((await startReload(deps, options)) === 'busy') {
    await pause(options, deadline);
    before = await fetchReloadState(deps, options);
  }
  for (;;) {
    const state = await fetchReloadState(deps, options);
    if (state === undefined) return { status: 'completed', lastError: undefined };
    if (isEndOfNewReload(state, before)) return { status: state.status, lastError: state.lastError };
    await pause(options, deadline);
  }
}

/** Whether the signer tells how a reload has ended: Web3Signer does since 25.12, the built-in signer has no reload. */
export async function tellsReloadState(deps: HttpDeps, options: Web3SignerOptions): Promise<boolean> {
  return (await fetchReloadState(deps, options)) !== undefined;
}

async function startReload(deps: HttpDeps, options: Web3SignerOptions): Promise<'started' | 'busy'> {
  const isExpected = (status: number) => status === 202 || status === 200 || status === 409;
  const response = await send(deps, options, 'POST', '/reload', JSON_ONLY, isExpected);
  return response.status === 409 ? 'busy' : 'started';
}

/** How far a reload is; undefined from a signer that cannot tell. */
async function fetchReloadState(
  deps: HttpDeps,
  options: Web3SignerOptions,
): Promise<ReloadState | undefined> {
  const isExpected = (status: number) => status === 200 || status === 404 || status === 405;
  const response = await send(deps, options, 'GET', '/reload', JSON_ONLY, isExpected);
  return response.status === 200 ? parseSignerAnswer(reloadAnswer, response, nameOf(options.url)) : undefined;
}

type EndState = ReloadState & { readonly status: ReloadOutcome['status'] };

/** The state may still be that of an earlier reload: the time of the last operation tells them apart. */
function isEndOfNewReload(state: ReloadState, before: ReloadState | undefined): state is EndState {
  if (state.status === 'idle' || state.status === 'running') return false;
  return state.lastOperationTime === undefined || state.lastOperationTime !== before?.lastOperationTime;
}

async function pause(
  options: Web3SignerOptions & { readonly reloadTimeoutMs: number; readonly pollMs?: number | undefined },
  deadline: number,
): Promise<void> {
  if (performance.now() >= deadline) {
    throw new ExternalError(
      'reload-timeout',
      `${nameOf(options.url)} has not finished its reload within ${options.reloadTimeoutMs / 1000} s.`,
      { retryable: true },
    );
  }
  await sleep(
    options.pollMs ?? 200,
    undefined,
    options.signal === undefined ? {} : { signal: options.signal },
  );
}

function send(
  deps: HttpDeps,
  options: Web3SignerOptions,
  method: 'GET' | 'POST',
  path: string,
  headers: Readonly<Record<string, string>>,
  isExpected: (status: number) => boolean = status => status === 200,
): Promise<HttpResponse> {
  const { url, timeoutMs, signal } = options;
  return requestSigner(
    { url, name: nameOf(url), http: deps },
    { method, path, headers, timeoutMs, signal, isExpected, maxBytes: MAX_LIST_BYTES },
  );
}
