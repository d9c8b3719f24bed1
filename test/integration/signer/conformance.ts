// One suite for every signer that speaks Web3Signer's API: the recorded exchanges of a real one, sent again.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** Secret key that the recorded requests are signed with; Web3Signer's own tests have it, too. */
export const RECORDED_SECRET_KEY = '3ee2224386c82ffea477e2adf28a2929f5c349165a4196158c7f3a2ecca40f35';
const RECORDED_PUBLIC_KEY =
  '0x989d34725a2bfc3f15105f3f5fc8741f436c25ee1ee4f948e425d6bcb8c56bce6e06c269635b7e985a7ffa639e2409bf';

export type RecordedNetwork = 'mainnet' | 'holesky';

export interface Exchange {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    /** Says how a body was made that is too large to be kept. */
    readonly body_note?: string;
  };
  readonly response: Answer;
}

interface RecordedEntry extends Omit<Exchange, 'request'> {
  readonly server?: string;
  readonly request?: Exchange['request'];
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>> | IncomingHttpHeaders;
  readonly body: string;
}

/** What counts of an answer: status, content type, and the body as parsed JSON where it is JSON. */
export interface ComparableAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

/** Where the built-in signer answers otherwise on purpose, and why. */
export interface Difference {
  readonly why: string;
  readonly answer: (recorded: ComparableAnswer, all: readonly Exchange[]) => ComparableAnswer;
}

/** The recorded exchanges of a server of this network, without slashing protection. */
export function recordedExchanges(network: RecordedNetwork): readonly Exchange[] {
  const files = network === 'mainnet' ? ['sign-exit', 'sign-types', 'info-full'] : ['sign-exit'];
  const server = `eth2 --network=${network} --slashing-protection-enabled=false`;
  return files.flatMap(file => {
    const url = new URL(`../../vectors/web3signer/${file}.json`, import.meta.url);
    const { entries } = JSON.parse(readFileSync(url, 'utf8')) as { entries: RecordedEntry[] };
    const own = entries.filter(entry => entry.server === server);
    const validBody = own[0]?.request?.body ?? '';
    return own.flatMap(({ request, response, name }) => {
      if (request === undefined) return [];
      const { body_note: note } = request;
      const sent = note === undefined ? request : { ...request, body: padBody(validBody, note) };
      return [{ name: `${file}: ${name}`, request: sent, response }];
    });
  });
}

/** Sends a recorded request to the signer at a URL and gives both answers, made comparable. */
export async function replay(
  baseUrl: string,
  exchange: Exchange,
): Promise<{ readonly actual: ComparableAnswer; readonly recorded: ComparableAnswer }> {
  if (exchange.request.path === '/reload') await untilReloaded(baseUrl);
  const actual = await send(baseUrl, exchange);
  return { actual: comparable(exchange, actual), recorded: comparable(exchange, exchange.response) };
}

/** The recorder waited, too. */
async function untilReloaded(baseUrl: string): Promise<void> {
  const state: Exchange['request'] = { method: 'GET', path: '/reload', headers: {} };
  while ((await send(baseUrl, { request: state })).body.includes('running')) await sleep(20);
}

async function send(baseUrl: string, { request }: Pick<Exchange, 'request'>): Promise<Answer> {
  const { hostname, port, protocol } = new URL(baseUrl);
  const { body } = request;
  const call = (protocol === 'https:' ? requestHttps : requestHttp)({
    ...{ hostname, port, method: request.method, path: request.path, agent: false },
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

/** Some values belong to the run: times, how many keys there are and which. */
function comparable({ name, request }: Exchange, answer: Answer): ComparableAnswer {
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

const said =
  (status: number, body: RegExp | string): Difference['answer'] =>
  () => ({
    status,
    contentType: 'text/plain;charset=utf-8',
    body,
  });
const badRequest: Difference['answer'] = () => ({ status: 400, contentType: undefined, body: 'Bad Request' });
const FOREIGN_ROOT = 'a foreign genesis validators root is refused: the signature would be valid nowhere';
const FOREIGN_FORK = 'a fork version of another network is refused';
const CAPELLA_ONLY =
  'signed in the domain of Capella, the only one that a chain accepts since Deneb (EIP-7044)';

/** Cases of one network in which the built-in signer is stricter than Web3Signer, or has an answer of its own. */
export function differencesOf(network: RecordedNetwork): ReadonlyMap<string, Difference> {
  const differences: Record<string, Difference> = {
    'sign-exit: type duplicate key (json)': {
      why: 'a member that stands twice is refused',
      answer: badRequest,
    },
    'sign-exit: trailing garbage after JSON': {
      why: 'what stands behind the JSON is refused',
      answer: badRequest,
    },
    'sign-exit: genesis_validators_root 31 bytes': {
      why: 'a short root is refused, not padded',
      answer: badRequest,
    },
    'sign-exit: genesis_validators_root zero': {
      why: FOREIGN_ROOT,
      answer: said(412, /^The genesis validators root 0x0{64} is not that of \w+\.$/),
    },
    'sign-exit: fork_info of another network (capella/capella)': {
      why: FOREIGN_ROOT,
      answer: said(412, /^The genesis validators root 0x\w{64} is not that of \w+\.$/),
    },
    'sign-exit: fork_info of another network, with its own signing_root': {
      why: FOREIGN_ROOT,
      answer: said(412, /^The genesis validators root 0x\w{64} is not that of \w+\.$/),
    },
    'sign-exit: documented example (openapi), exit before deneb': {
      why: FOREIGN_ROOT,
      answer: said(412, /^The genesis validators root 0x\w{64} is not that of \w+\.$/),
    },
  };
  if (network === 'holesky') {
    // Recorded with mainnet's versions, which Web3Signer ignores.
    differences['sign-exit: fork versions without 0x'] = {
      why: FOREIGN_FORK,
      answer: said(412, 'The fork version 0x03000000 is not one of holesky.'),
    };
    differences['sign-exit: fork_info zero versions, own gvr, exit after deneb'] = {
      why: FOREIGN_FORK,
      answer: said(412, 'The fork version 0x00000000 is not one of holesky.'),
    };
  }
  const epochs = network === 'mainnet' ? [1, 194048, 269567] : [1, 256, 29695];
  for (const epoch of epochs) {
    for (const fork of epoch === 1 ? ['capella', 'electra', 'fulu'] : ['electra', 'fulu']) {
      const name = `sign-exit: exit epoch ${epoch}, fork_info at ${fork}`;
      const twin = `sign-exit: exit epoch ${epoch}, fork_info capella/capella`;
      differences[name] = { why: CAPELLA_ONLY, answer: (_, all) => recordedAnswer(all, twin) };
    }
  }
  if (network === 'mainnet') Object.assign(differences, infoDifferences(), typeDifferences());
  return new Map(Object.entries(differences));
}

function recordedAnswer(all: readonly Exchange[], name: string): ComparableAnswer {
  const exchange = all.find(each => each.name === name);
  if (exchange === undefined) throw new Error(`there is no exchange "${name}"`);
  return comparable(exchange, exchange.response);
}

function infoDifferences(): Record<string, Difference> {
  return {
    'info-full: GET /metrics': {
      why: 'metrics stand beside the API, not on a port of their own',
      answer: () => ({ status: 200, contentType: 'text/plain;version=0.0.4;charset=utf-8', body: /^# HELP/ }),
    },
  };
}

/** Every other type is refused by name, whatever else the request holds. */
function typeDifferences(): Record<string, Difference> {
  const differences: Record<string, Difference> = {};
  for (const { name, request } of recordedExchanges('mainnet')) {
    if (!name.startsWith('sign-types: ') || request.body === undefined) continue;
    const { type } = JSON.parse(request.body) as { type: string };
    if (type === 'VOLUNTARY_EXIT') continue;
    const body = `This signer signs VOLUNTARY_EXIT only, never ${type.toUpperCase()}.`;
    differences[name] = { why: 'exits only: no slashing, no deposit', answer: said(400, body) };
  }
  differences['sign-types: VOLUNTARY_EXIT with other genesis_validators_root'] = {
    why: FOREIGN_ROOT,
    answer: said(412, /^The genesis validators root 0x\w{64} is not that of mainnet\.$/),
  };
  differences['sign-types: documented example: VOLUNTARY_EXIT'] = {
    why: FOREIGN_ROOT,
    answer: said(412, /^The genesis validators root 0x\w{64} is not that of mainnet\.$/),
  };
  return differences;
}
