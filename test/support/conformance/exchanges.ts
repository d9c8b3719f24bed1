// Recorded exchanges of a real Web3Signer, sent again: the one table of cases for every signer and for the client.
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { readSignerExchanges } from '../recorded/recorded-signer.ts';
import { waitUntil } from '../wait-until.ts';

/** Secret key that the recorded requests are signed with; Web3Signer's own tests have it, too. */
export const RECORDED_SECRET_KEY = '3ee2224386c82ffea477e2adf28a2929f5c349165a4196158c7f3a2ecca40f35';
export const RECORDED_PUBLIC_KEY =
  '0x989d34725a2bfc3f15105f3f5fc8741f436c25ee1ee4f948e425d6bcb8c56bce6e06c269635b7e985a7ffa639e2409bf';

export type RecordedNetwork = 'mainnet' | 'holesky';

export interface Exchange {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  readonly response: Answer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What counts of an answer: status, content type, and the body as parsed JSON where it is JSON. */
export interface ComparableAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

/** The recorded exchanges of a server of this network that was started with these keys, without slashing protection. */
export function recordedExchanges(network: RecordedNetwork): readonly Exchange[] {
  const files = network === 'mainnet' ? ['sign-exit', 'sign-types', 'info-full'] : ['sign-exit'];
  const server = `eth2 --network=${network} --slashing-protection-enabled=false`;
  return files.flatMap(file => {
    const own = readSignerExchanges(file).filter(entry => entry.server === server);
    const validBody = own[0]?.request.body ?? '';
    return own.map(({ request: { body_note: note, ...request }, response, name }) => ({
      name: `${file}: ${name}`,
      response,
      request: note === undefined ? request : { ...request, body: padBody(validBody, note) },
    }));
  });
}

/** Those of servers with a history, or a database: nothing that a request alone would bring about. */
export function recordedHistory(): readonly Exchange[] {
  return ['reload-full', 'info-full', 'keymanager'].flatMap(file =>
    readSignerExchanges(file)
      .filter(
        ({ server = '', request }) =>
          / slashing protection o(n|ff)/.test(server) && isOfSigning(request.path),
      )
      .map(({ name, server, request, response }, i) => ({
        name: `${file} ${i}: ${name} (${server})`,
        request,
        response,
      })),
  );
}

/** The key manager has a client and tests of its own. */
function isOfSigning(path: string): boolean {
  return /^\/(api\/v1\/eth2\/|upcheck|healthcheck|reload)/.test(path);
}

/** Sends a recorded request to the signer at a URL. */
export async function sendExchange(baseUrl: string, exchange: Exchange): Promise<Answer> {
  if (exchange.request.path === '/reload') await untilReloaded(baseUrl);
  return send(baseUrl, exchange);
}

/** The recorder waited, too. */
async function untilReloaded(baseUrl: string): Promise<void> {
  const state: Exchange['request'] = { method: 'GET', path: '/reload', headers: {} };
  let body = '';
  const hasEnded = async () => {
    ({ body } = await send(baseUrl, { request: state }));
    return !body.includes('running');
  };
  await waitUntil('the reload to end', hasEnded, { lastSeen: () => body });
}

async function send(baseUrl: string, { request }: Pick<Exchange, 'request'>): Promise<Answer> {
  const { hostname, port, protocol } = new URL(baseUrl);
  const { body } = request;
  const call = (protocol === 'https:' ? requestHttps : requestHttp)({
    hostname,
    port,
    method: request.method,
    path: request.path,
    agent: false,
    // Otherwise an empty one is replaced.
    setHost: !('Host' in request.headers),
    headers: { ...request.headers, ...lengthOf(request, body) },
  });
  const [[response]] = await Promise.all([once(call, 'response'), call.end(body)]);
  const content = await buffer(response);
  return { status: response.statusCode, headers: response.headers, body: content.toString() };
}

function lengthOf(
  { method, headers }: Exchange['request'],
  body: string | undefined,
): Record<string, string> {
  const isChunked = Object.keys(headers).some(name => name.toLowerCase() === 'transfer-encoding');
  if (isChunked || method !== 'POST') return {};
  return { 'content-length': String(Buffer.byteLength(body ?? '')) };
}

/** "valid exit body padded with an unknown field to … bytes" */
function padBody(validBody: string, note: string): string {
  const size = Number(/to (\d+) bytes/.exec(note)?.[1]);
  const body = validBody.replace('{', '{"padding":"",');
  return body.replace('"padding":""', `"padding":"${'x'.repeat(size - body.length)}"`);
}

/** An answer to a recorded request, made comparable: times, how many keys there are and which belong to the run. */
export function comparable({ name, request }: Exchange, answer: Answer): ComparableAnswer {
  const contentType = answer.headers['content-type'];
  const type = contentType === undefined ? undefined : String(contentType).toLowerCase().replaceAll(' ', '');
  return { status: answer.status, contentType: type, body: comparableBody(name, request, answer, type) };
}

function comparableBody(name: string, { path }: Exchange['request'], answer: Answer, type = ''): unknown {
  if (!type.includes('json')) return answer.body;
  const body: unknown = JSON.parse(answer.body);
  if (Array.isArray(body) && path.includes('publicKeys')) {
    const isListed = body.every(key => /^0x[0-9a-f]{96}$/.test(String(key)));
    return isListed && body.includes(RECORDED_PUBLIC_KEY) ? 'public keys' : body;
  }
  if (path === '/healthcheck') return JSON.parse(answer.body.replace(/"keys-loaded":\d+/, '"keys-loaded":0'));
  if (path === '/reload' && answer.status === 200) {
    const { status, ...rest } = body as Record<string, unknown>;
    // A signer that has been reloaded before never says idle again.
    const isEnd = status === 'idle' || status === 'completed';
    return {
      status: isEnd ? 'idle or completed' : status,
      members: name.includes('after') ? Object.keys(rest) : [],
    };
  }
  return body;
}
