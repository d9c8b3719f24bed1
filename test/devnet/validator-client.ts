import { setTimeout } from 'node:timers/promises';
import { type Answer, type ReceivedRequest, startServer } from './http-server.ts';

/** Which client it is: they differ in which of the two lists has the keys of a remote signer. */
type ClientKind = 'lighthouse' | 'lodestar' | 'prysm' | 'teku';

/** What a validator client does wrong. */
interface ValidatorClientFaults {
  /** Cuts every connection. */
  down?: boolean;
  /** Never answers. */
  hanging?: boolean;
  /** Answers that much later. */
  slowMs?: number;
  /** Answers with this status. */
  status?: number;
  /** Answers 200 with this text. */
  garbage?: string;
  /** Has no key manager API. */
  noApi?: boolean;
}

export interface ValidatorClient extends AsyncDisposable {
  readonly url: string;
  /** What has to be sent as bearer token. */
  readonly token: string;
  readonly kind: ClientKind;
  /** Public keys that it runs, 0x hex in any case. */
  keys: readonly string[];
  readonly faults: ValidatorClientFaults;
  readonly requests: readonly ReceivedRequest[];
}

/**
 * The key manager API of a validator client with remote keys, as far as it lists them, on loopback: 401 without a token, 403 with
 * another one. Lodestar names remote keys in both lists (its issue 7213), Prysm calls every one of them read-only.
 */
export async function startValidatorClient(
  kind: ClientKind,
  {
    token = 'api-token-0x01',
    keys = [],
  }: { readonly token?: string; readonly keys?: readonly string[] } = {},
): Promise<ValidatorClient> {
  const faults: ValidatorClientFaults = {};
  const server = await startServer(async request => {
    if (faults.down) return 'reset';
    if (faults.hanging) return 'hang';
    if (faults.slowMs !== undefined) await setTimeout(faults.slowMs, undefined, { ref: false });
    if (faults.status !== undefined) return { status: faults.status, body: { message: 'not today' } };
    if (faults.garbage !== undefined) return { status: 200, body: faults.garbage };
    return answer(client, request);
  });
  const client: ValidatorClient = {
    url: server.url,
    token,
    kind,
    keys,
    faults,
    requests: server.requests,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return client;
}

function answer({ kind, keys, token, faults }: ValidatorClient, request: ReceivedRequest): Answer {
  const { authorization } = request.headers;
  if (faults.noApi) return { status: 404, body: 'Not Found' };
  if (authorization === undefined) return { status: 401, body: { message: 'no token' } };
  if (authorization !== `Bearer ${token}`) return { status: 403, body: { message: 'wrong token' } };
  const isReadOnly = kind === 'prysm';
  switch (`${request.method} ${request.path}`) {
    case 'GET /eth/v1/remotekeys': {
      const url = kind === 'prysm' ? '' : 'http://signer:9000';
      return { status: 200, body: { data: keys.map(pubkey => ({ pubkey, url, readonly: isReadOnly })) } };
    }
    case 'GET /eth/v1/keystores': {
      const listed = kind === 'lodestar' ? keys : [];
      const data = listed.map(key => ({ validating_pubkey: key, derivation_path: '', readonly: true }));
      return { status: 200, body: { data } };
    }
    default:
      return { status: 404, body: 'Not Found' };
  }
}
