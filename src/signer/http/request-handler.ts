import type { IncomingMessage, ServerResponse } from 'node:http';
import { toHex } from '../../lib/bytes.ts';
import { messageOf } from '../../lib/errors.ts';
import { isAskedByPage, readHost } from '../../lib/http-caller.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { Logger } from '../../lib/logger.ts';
import type { DepositGate } from '../gates/deposit-gate.ts';
import type { ExitGate } from '../gates/exit-gate.ts';
import { readVaultValidators, type VaultValidatorsPolicy } from '../gates/vault-validators.ts';
import type { WalletGate } from '../gates/wallet-gate.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { isMacPurpose, type RecordMac } from '../keys/record-mac.ts';
import type { SigningWallet } from '../keys/signing-wallet.ts';
import {
  accepts,
  answer,
  answerJson,
  answerNotFound,
  answerRefusal,
  answerWrongMethod,
  JSON_TYPE,
  TEXT_TYPE,
  wantsJson,
} from './http-answers.ts';
import { Refusal } from './refusal.ts';
import { BodyReader } from './request-body.ts';
import { readSignRequest, type SignRequest } from './sign-request.ts';
import type { SignerMetrics } from './signer-metrics.ts';
import { readWalletRequest } from './wallet-request.ts';

/** Validator keys, and what they may sign. */
export interface ValidatorSigning {
  readonly ring: KeyRing;
  readonly gate: ExitGate;
  /** Which deposits may be signed; without it none is. */
  readonly deposits: DepositGate | undefined;
}

/** The hot wallet, and what it may sign. */
export interface WalletSigning {
  readonly wallet: SigningWallet;
  readonly gate: WalletGate;
  /** What only the signer has that the operator started for itself, on a socket that nobody else opens. */
  readonly forOperator?: OperatorSigning | undefined;
}

/** What Web3Signer has no paths for. */
interface OperatorSigning {
  readonly macRecord: RecordMac;
  readonly approvals: VaultValidatorsPolicy;
}

export interface SignerDeps {
  /** Signing with validator keys; without it there are no eth2 paths, as in Web3Signer's eth1 mode. */
  readonly validators: ValidatorSigning | undefined;
  /** Signing with the wallet; without it there are no eth1 paths, as in Web3Signer's eth2 mode. */
  readonly wallet: WalletSigning | undefined;
  readonly metrics: SignerMetrics;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Names by which the signer may be called, lower case, without port; `*` for all. A browser can be made to call others. */
  readonly hosts: ReadonlySet<string>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

interface Route {
  readonly methods: Readonly<Record<string, Handler>>;
  /** Type of its answers, when the client's Accept header must allow it. */
  readonly produces?: string | undefined;
}

const MAC_PATH = '/api/v1/stakewise/mac/';
const APPROVAL_PATH = '/api/v1/stakewise/sign/vault-validators';
const SIGN_PATHS = ['/api/v1/eth2/sign/', '/api/v1/eth1/sign/'] as const;
/** A request for an exit or a deposit has less than a tenth of it. */
const MAX_MESSAGE_BYTES = 8 * 1024;
/** Nodes take transactions of 128 KiB, seven hundred validators: twice as much in hex, and as much again for what stands beside. */
const MAX_WALLET_BYTES = 512 * 1024;
/** Enough for two thousand exits at once. */
const MAX_BYTES_UNDER_WAY = 32 * 1024 * 1024;

/** What one listener's requests have in common. */
interface Listener extends SignerDeps {
  readonly bodies: BodyReader;
}

/** Answers as Web3Signer does, in eth2 mode without slashing protection and without key manager, in eth1 mode, or both. */
export function createRequestHandler(
  options: SignerDeps,
): (request: IncomingMessage, response: ServerResponse) => void {
  const deps: Listener = { ...options, bodies: new BodyReader(MAX_BYTES_UNDER_WAY) };
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
  deps: Listener,
  routes: ReadonlyMap<string, Route>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.headers.origin !== undefined || isAskedByPage(request)) return refuseOrigin(response);
  const host = readHost(request);
  if (host === 'invalid')
    throw new Refusal(400, 'the Host header is empty, there are several, or it is none');
  if (!isAllowedHost(host?.name, deps.hosts))
    return answerJson(response, 403, { message: 'Host not authorized.' });
  const path = readPath(request.url ?? '');
  const route = signRoute(deps, path) ?? operatorRoute(deps, path) ?? routes.get(path);
  if (route === undefined) return answerNotFound(response);
  const handler = route.methods[request.method ?? ''];
  if (handler === undefined) return answerWrongMethod(request, response, Object.keys(route.methods).join());
  if (route.produces !== undefined && !accepts(request.headers.accept, route.produces))
    return answer(response, 406, '');
  await handler(request, response);
}

function fixedRoutes({ validators, wallet, metrics }: SignerDeps): Record<string, Route> {
  const ring = validators?.ring;
  return {
    '/upcheck': {
      produces: 'text/plain',
      methods: { GET: (_, response) => answer(response, 200, 'OK', { 'content-type': TEXT_TYPE }) },
    },
    '/healthcheck': { methods: { GET: (_, response) => answerHealth(ring, response) } },
    ...(ring && { '/api/v1/eth2/publicKeys': publicKeysRoute(() => ring.listPublicKeys()) }),
    ...(wallet && { '/api/v1/eth1/publicKeys': publicKeysRoute(() => [wallet.wallet.publicKey]) }),
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

function publicKeysRoute(list: () => readonly string[]): Route {
  return {
    produces: 'application/json',
    methods: { GET: (_, response) => answerJson(response, 200, list()) },
  };
}

function answerHealth(ring: KeyRing | undefined, response: ServerResponse): void {
  const keysCheck = ring && checkKeys(ring);
  const status = keysCheck?.status ?? 'UP';
  const checks = [{ id: 'default-check', status: 'UP' }, ...(keysCheck ? [keysCheck] : [])];
  const body = { status, checks, outcome: status };
  answerJson(response, status === 'UP' ? 200 : 503, body, 'application/json;charset=UTF-8');
}

function checkKeys(ring: KeyRing) {
  const errors = ring.reloadState.lastError === undefined ? 0 : 1;
  const status = errors === 0 ? 'UP' : 'DOWN';
  const data = { 'keys-loaded': ring.listPublicKeys().length, 'error-count': errors };
  return { id: 'keys-check', status, checks: [{ id: 'config-files-loading', status, data }] };
}

/** A wallet is read once: without validator keys there is nothing to do. */
function startReload(ring: KeyRing | undefined, response: ServerResponse): void {
  if (ring === undefined || ring.startReload()) {
    const message =
      'Reload operation accepted and is running in the background. Use GET /reload to check status.';
    answerJson(response, 202, { status: 'accepted', message }, 'application/json');
  } else {
    const message = 'A reload operation is already in progress. Please try again later.';
    answerJson(response, 409, { status: 'error', message }, 'application/json');
  }
}

function tellReload(ring: KeyRing | undefined, response: ServerResponse): void {
  answerJson(response, 200, ring?.reloadState ?? { status: 'idle' }, 'application/json');
}

/** The route of a signing path; undefined for other paths, and for a mode that this signer does not have. */
function signRoute(deps: Listener, path: string): Route | undefined {
  const prefix = SIGN_PATHS.find(one => path.startsWith(one));
  const identifier = path.slice(prefix?.length);
  if (prefix === undefined || identifier === '' || identifier.includes('/')) return undefined;
  const { validators, wallet, log } = deps;
  const isWallet = prefix === '/api/v1/eth1/sign/';
  const publicKey = canonicalKey(identifier, isWallet ? 64 : PUBLIC_KEY_LENGTH);
  const messages = validators && {
    maxBytes: MAX_MESSAGE_BYTES,
    isAlwaysText: false,
    make: (request: IncomingMessage, body: Uint8Array) =>
      signMessage(log, validators, publicKey, { request, body }),
  };
  const transactions = wallet && {
    maxBytes: MAX_WALLET_BYTES,
    isAlwaysText: true,
    make: async (_: IncomingMessage, body: Uint8Array) => signWithWallet(log, wallet, publicKey, body),
  };
  const signing: Signing | undefined = isWallet ? transactions : messages;
  if (signing === undefined) return undefined;
  return {
    methods: { POST: (request, response) => sign(deps, publicKey, signing, request, response) },
  };
}

/** One way to sign. */
interface Signing {
  /** Largest body of a request. */
  readonly maxBytes: number;
  readonly isAlwaysText: boolean;
  readonly make: (request: IncomingMessage, body: Uint8Array) => Promise<string>;
}

async function sign(
  { metrics, log, bodies }: Listener,
  publicKey: string | undefined,
  { maxBytes, isAlwaysText, make }: Signing,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const started = performance.now();
    const signature = await make(request, await bodies.read(request, response, maxBytes));
    metrics.signingDuration.observe((performance.now() - started) / 1000);
    if (!isAlwaysText && wantsJson(request.headers.accept))
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

function signWithWallet(
  log: SignerDeps['log'],
  { wallet, gate }: WalletSigning,
  publicKey: string | undefined,
  body: Uint8Array,
): string {
  const data = readWalletRequest(body);
  if (publicKey !== wallet.publicKey) throw new Refusal(404, 'there is no such key');
  const message = gate(data);
  const signature = toHex(wallet.sign(data));
  log.info({ address: wallet.address, ...message }, 'signed');
  return signature;
}

/** The route of a path that only the operator asks; undefined for other paths, and where there is no operator. */
function operatorRoute(deps: Listener, path: string): Route | undefined {
  const { wallet, log } = deps;
  const forOperator = wallet?.forOperator;
  if (wallet === undefined || forOperator === undefined) return undefined;
  if (path === APPROVAL_PATH) {
    const approval: Signing = {
      maxBytes: MAX_WALLET_BYTES,
      isAlwaysText: true,
      make: async (_, body) => approveValidators(log, wallet, forOperator, body),
    };
    const { publicKey } = wallet.wallet;
    return { methods: { POST: (request, response) => sign(deps, publicKey, approval, request, response) } };
  }
  const purpose = path.startsWith(MAC_PATH) ? path.slice(MAC_PATH.length) : '';
  if (!isMacPurpose(purpose)) return undefined;
  return {
    methods: {
      POST: async (request, response) => {
        const record = readWalletRequest(await deps.bodies.read(request, response, MAX_WALLET_BYTES));
        answer(response, 200, toHex(forOperator.macRecord(purpose, record)), { 'content-type': TEXT_TYPE });
      },
    },
  };
}

function approveValidators(
  log: SignerDeps['log'],
  { wallet }: WalletSigning,
  { approvals }: OperatorSigning,
  body: Uint8Array,
): string {
  const { preimage, validators } = readVaultValidators(body, approvals);
  const signature = toHex(wallet.sign(preimage));
  const { vault } = approvals;
  log.info({ address: wallet.address, type: 'VAULT_VALIDATORS', vault, validators }, 'signed');
  return signature;
}

async function signMessage(
  log: SignerDeps['log'],
  { ring, gate, deposits }: ValidatorSigning,
  publicKey: string | undefined,
  { request, body }: { readonly request: IncomingMessage; readonly body: Uint8Array },
): Promise<string> {
  if (/^\s*multipart\/form-data/i.test(request.headers['content-type'] ?? ''))
    throw new Refusal(400, 'the body is a form');
  const message = readSignRequest(body, { signsDeposits: deposits !== undefined });
  if (publicKey === undefined || !ring.has(publicKey)) throw new Refusal(404, 'there is no such key');
  const root = message.type === 'DEPOSIT' ? deposits?.(message.deposit, publicKey) : gate(message.exit);
  const signature = root && (await ring.sign(publicKey, root));
  if (signature === undefined) throw new Refusal(404, 'there is no such key');
  // Before the answer: no signature leaves without its line.
  log.info({ key: publicKey, type: message.type, ...describe(message) }, 'signed');
  return toHex(signature);
}

/** What the log says of a message that was signed. */
function describe(message: SignRequest): Readonly<Record<string, string>> {
  if (message.type === 'DEPOSIT') {
    const { withdrawalCredentials, amountGwei } = message.deposit;
    return { credentials: toHex(withdrawalCredentials), amountGwei: String(amountGwei) };
  }
  const { validatorIndex, epoch } = message.exit.exit;
  return { validatorIndex: String(validatorIndex), epoch: String(epoch) };
}

/** Lower-case 0x hex of a public key in any of the spellings that Web3Signer takes; undefined when it is none. */
function canonicalKey(identifier: string, length: number): string | undefined {
  const digits = /^(?:0x)?([0-9a-f]+)$/i.exec(identifier)?.[1];
  return digits?.length === 2 * length ? `0x${digits.toLowerCase()}` : undefined;
}

/** The decoded path without query and without a slash at its end. */
function readPath(url: string): string {
  const path = url.split('?', 1)[0] ?? '';
  try {
    const decoded = path.includes('%') ? decodeURIComponent(path) : path;
    const isBareSign = SIGN_PATHS.some(one => one === decoded);
    return decoded.length > 1 && decoded.endsWith('/') && !isBareSign ? decoded.slice(0, -1) : decoded;
  } catch {
    return '';
  }
}

/** Whether the signer may be called by a name; HTTP/1.0 without one does not pass, as with Web3Signer. */
function isAllowedHost(name: string | undefined, hosts: ReadonlySet<string>): boolean {
  return hosts.has('*') || (name !== undefined && hosts.has(name));
}

function refuseOrigin(response: ServerResponse): void {
  const phrase = 'CORS Rejected - Invalid origin';
  response.writeHead(403, phrase, { 'content-length': String(phrase.length) }).end(phrase);
}
