import type { IncomingMessage, ServerResponse } from 'node:http';
import { toHex } from '../lib/bytes.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { EXIT_TYPE, readExitRequest } from './exit-request.ts';
import {
  accepts,
  answer,
  answerJson,
  answerNotFound,
  answerRefusal,
  answerWrongMethod,
  JSON_TYPE,
  readBody,
  TEXT_TYPE,
  wantsJson,
} from './http-answers.ts';
import type { KeyRing } from './key-ring.ts';
import { Refusal } from './refusal.ts';
import type { ExitGate } from './sign-exit.ts';
import type { SignerMetrics } from './signer-metrics.ts';

export interface SignerDeps {
  readonly ring: KeyRing;
  readonly gate: ExitGate;
  readonly metrics: SignerMetrics;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Names by which the signer may be called, lower case, without port; `*` for all. A browser can be made to call others. */
  readonly hosts: ReadonlySet<string>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

interface Route {
  readonly methods: Readonly<Record<string, Handler>>;
  /** Type of its answers, when the client's Accept header must allow it. */
  readonly produces?: string;
}

const SIGN_PATH = '/api/v1/eth2/sign/';

/** Answers as Web3Signer does, in eth2 mode without slashing protection and without key manager. */
export function createRequestHandler(
  deps: SignerDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  const routes = new Map(Object.entries(fixedRoutes(deps)));
  return (request, response) => {
    response.sendDate = false;
    dispatch(deps, routes, request, response).catch((error: unknown) => {
      if (!(error instanceof Refusal)) deps.log.error({ reason: messageOf(error) }, 'request failed');
      if (response.headersSent || response.destroyed) response.destroy();
      else answerRefusal(response, error instanceof Refusal ? error : new Refusal(500, messageOf(error)));
    });
  };
}

async function dispatch(
  deps: SignerDeps,
  routes: ReadonlyMap<string, Route>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.headers.origin !== undefined) return refuseOrigin(response);
  if (!isAllowedHost(request.headers.host, deps.hosts))
    return answerJson(response, 403, { message: 'Host not authorized.' });
  const path = readPath(request.url ?? '');
  const isSign = path.startsWith(SIGN_PATH) && !path.slice(SIGN_PATH.length).includes('/');
  const identifier = isSign ? path.slice(SIGN_PATH.length) : '';
  const route = identifier === '' ? routes.get(path) : signRoute(deps, identifier);
  if (route === undefined) return answerNotFound(response);
  const handler = route.methods[request.method ?? ''];
  if (handler === undefined) return answerWrongMethod(request, response, Object.keys(route.methods).join());
  if (route.produces !== undefined && !accepts(request.headers.accept, route.produces))
    return answer(response, 406, '');
  await handler(request, response);
}

function fixedRoutes({ ring, metrics }: SignerDeps): Record<string, Route> {
  return {
    '/upcheck': {
      produces: 'text/plain',
      methods: { GET: (_, response) => answer(response, 200, 'OK', { 'content-type': TEXT_TYPE }) },
    },
    '/healthcheck': { methods: { GET: (_, response) => answerHealth(ring, response) } },
    '/api/v1/eth2/publicKeys': {
      produces: 'application/json',
      methods: { GET: (_, response) => answerJson(response, 200, ring.listPublicKeys()) },
    },
    '/reload': {
      produces: 'application/json',
      methods: {
        POST: (_, response) => startReload(ring, response),
        GET: (_, response) => tellReload(ring, response),
      },
    },
    '/metrics': {
      methods: {
        GET: async (_, response) =>
          answer(response, 200, await metrics.registry.metrics(), {
            'content-type': metrics.registry.contentType,
          }),
      },
    },
  };
}

function answerHealth(ring: KeyRing, response: ServerResponse): void {
  const errors = ring.reloadState.lastError === undefined ? 0 : 1;
  const status = errors === 0 ? 'UP' : 'DOWN';
  const data = { 'keys-loaded': ring.listPublicKeys().length, 'error-count': errors };
  const checks = [{ id: 'config-files-loading', status, data }];
  const body = {
    status,
    checks: [
      { id: 'default-check', status: 'UP' },
      { id: 'keys-check', status, checks },
    ],
    outcome: status,
  };
  answerJson(response, errors === 0 ? 200 : 503, body, 'application/json;charset=UTF-8');
}

function startReload(ring: KeyRing, response: ServerResponse): void {
  const [status, state, message] = ring.startReload()
    ? [
        202,
        'accepted',
        'Reload operation accepted and is running in the background. Use GET /reload to check status.',
      ]
    : [409, 'error', 'A reload operation is already in progress. Please try again later.'];
  answerJson(response, Number(status), { status: state, message }, 'application/json');
}

function tellReload(ring: KeyRing, response: ServerResponse): void {
  answerJson(response, 200, ring.reloadState, 'application/json');
}

function signRoute(deps: SignerDeps, identifier: string): Route {
  return { methods: { POST: (request, response) => sign(deps, identifier, request, response) } };
}

async function sign(
  deps: SignerDeps,
  identifier: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { metrics, log } = deps;
  const publicKey = canonicalKey(identifier);
  try {
    const started = performance.now();
    const signature = await makeSignature(deps, publicKey, request);
    metrics.signingDuration.observe((performance.now() - started) / 1000);
    if (wantsJson(request.headers.accept))
      answer(response, 200, `{"signature":"${signature}"}`, { 'content-type': JSON_TYPE });
    else answer(response, 200, signature, { 'content-type': TEXT_TYPE });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 400) metrics.malformedRequests.inc();
    if (error.status === 404) metrics.missingIdentifiers.inc();
    metrics.refusals.inc({ reason: String(error.status) });
    log.warn({ key: publicKey, status: error.status, reason: error.message }, 'refused');
    throw error;
  }
}

async function makeSignature(
  { ring, gate, log }: SignerDeps,
  publicKey: string | undefined,
  request: IncomingMessage,
): Promise<string> {
  const body = await readBody(request);
  if (/^\s*multipart\/form-data/i.test(request.headers['content-type'] ?? ''))
    throw new Refusal(400, 'the body is a form');
  const exitRequest = readExitRequest(body);
  if (publicKey === undefined || !ring.has(publicKey)) throw new Refusal(404, 'there is no such key');
  const root = gate(exitRequest);
  const signature = await ring.sign(publicKey, root);
  if (signature === undefined) throw new Refusal(404, 'there is no such key');
  const { validatorIndex, epoch } = exitRequest.exit;
  // Before the answer: no signature leaves without its line.
  log.info(
    { key: publicKey, type: EXIT_TYPE, validatorIndex: String(validatorIndex), epoch: String(epoch) },
    'signed',
  );
  return toHex(signature);
}

/** Lower-case 0x hex of a public key in any of the spellings that Web3Signer takes; undefined when it is none. */
function canonicalKey(identifier: string): string | undefined {
  const digits = /^(?:0x)?([0-9a-f]{96})$/i.exec(identifier)?.[1];
  return digits === undefined ? undefined : `0x${digits.toLowerCase()}`;
}

/** The decoded path without query and without a slash at its end. */
function readPath(url: string): string {
  const path = url.split('?', 1)[0] ?? '';
  try {
    const decoded = path.includes('%') ? decodeURIComponent(path) : path;
    return decoded.length > 1 && decoded.endsWith('/') && decoded !== SIGN_PATH
      ? decoded.slice(0, -1)
      : decoded;
  } catch {
    return '';
  }
}

/** As Web3Signer: an empty name passes; HTTP/1.0 without one does not. */
function isAllowedHost(header: string | undefined, hosts: ReadonlySet<string>): boolean {
  if (hosts.has('*')) return true;
  if (header === undefined) return false;
  const name = header.replace(/:\d*$/, '').toLowerCase();
  return name === '' || hosts.has(name);
}

function refuseOrigin(response: ServerResponse): void {
  const phrase = 'CORS Rejected - Invalid origin';
  response.writeHead(403, phrase, { 'content-length': String(phrase.length) }).end(phrase);
}
