import { setTimeout } from 'node:timers/promises';
import { ClientKeys, type KeyStatus, type RemoteKey } from './client-keys.ts';
import { type Answer, type ReceivedRequest, startServer } from './http-server.ts';
import { CLIENT_RULES, type ClientKind } from './validator-client-rules.ts';

/** What a validator client does wrong, or otherwise than one expects. */
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
  /** Names the keys of its lists in upper case. */
  upperCase?: boolean;
  /** Lists these keys, whatever it runs: Prysm does not see a change of its key file that leaves the file's size as it was. */
  listsStill?: readonly string[];
  /** Says `imported`, and runs the key only after {@link ValidatorClient.endCheck}: Teku with doppelganger detection. */
  checksAdded?: boolean;
  /** Was given no signer's URL, without which Teku adds no key. */
  noSigner?: boolean;
}

export interface ValidatorClient extends AsyncDisposable {
  readonly url: string;
  /** What has to be sent as bearer token. */
  readonly token: string;
  readonly kind: ClientKind;
  /** Public keys that it runs, 0x hex in any case; those that are set are of its configuration. */
  keys: readonly string[];
  readonly faults: ValidatorClientFaults;
  readonly requests: readonly ReceivedRequest[];
  /** Ends it: until it starts again, nobody answers. */
  stop(): void;
  /** Starts it with what is in its files, and with what it has kept. @throws Error for a file that it refuses */
  start(): void;
  /** Ends the check of the keys that were added: nobody else runs them. */
  endCheck(): void;
}

export interface ValidatorClientOptions {
  readonly token?: string;
  /** The keys that it was configured with, where there is no folder. */
  readonly keys?: readonly string[];
  /** The folder with what `setup-validator` has written for it: of Lighthouse, Prysm and Teku. */
  readonly folder?: string;
}

/**
 * The key manager API of a validator client with the keys of a remote signer, on loopback, as each client has it
 * ({@link CLIENT_RULES}): 401 without a token, 403 with another one, then 200 with a status for each key. It runs what its files say
 * when it starts, and does not sign.
 */
export async function startValidatorClient(
  kind: ClientKind,
  { token = 'api-token-0x01', keys = [], folder }: ValidatorClientOptions = {},
): Promise<ValidatorClient> {
  const faults: ValidatorClientFaults = {};
  const own = new ClientKeys({ kind, folder, keys });
  let isRunning = true;
  if (folder !== undefined) own.start();
  const server = await startServer(async request => {
    if (faults.down || !isRunning) return 'reset';
    if (faults.hanging) return 'hang';
    if (faults.slowMs !== undefined) await setTimeout(faults.slowMs, undefined, { ref: false });
    if (faults.status !== undefined) return { status: faults.status, body: { message: 'not today' } };
    if (faults.garbage !== undefined) return { status: 200, body: faults.garbage };
    return answer({ kind, own, token, faults }, request);
  });
  return {
    url: server.url,
    token,
    kind,
    get keys() {
      return own.running.map(({ pubkey }) => pubkey);
    },
    set keys(changed) {
      own.set(changed);
    },
    faults,
    requests: server.requests,
    stop: () => {
      isRunning = false;
    },
    start: () => {
      own.start();
      isRunning = true;
    },
    endCheck: () => own.endCheck(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

interface Client {
  readonly kind: ClientKind;
  readonly own: ClientKeys;
  readonly token: string;
  readonly faults: ValidatorClientFaults;
}

/** What Prysm says of the keys of a remote signer. */
const NOT_LOCAL = 'Keymanager kind *remote_web3signer.Keymanager cannot change local keys';

function answer(client: Client, request: ReceivedRequest): Answer {
  const { kind, token, faults } = client;
  const refusal = refuse(request.headers.authorization, { kind, token });
  if (faults.noApi) return { status: 404, body: 'Not Found' };
  if (refusal !== undefined) return refusal;
  switch (`${request.method} ${request.path}`) {
    case 'GET /eth/v1/remotekeys':
      return { status: 200, body: { data: listed(client).map(key => remoteEntry(key, kind)) } };
    case 'GET /eth/v1/keystores': {
      const inBoth = CLIENT_RULES[kind].isInBothLists ? listed(client) : [];
      const data = inBoth.map(({ pubkey }) => ({
        validating_pubkey: pubkey,
        derivation_path: '',
        readonly: true,
      }));
      return { status: 200, body: { data } };
    }
    case 'POST /eth/v1/remotekeys':
      return addKeys(client, request.body);
    case 'DELETE /eth/v1/remotekeys':
      return forEachKey(request.body, 'pubkeys', pubkey => client.own.remove(String(pubkey)));
    case 'POST /eth/v1/keystores':
      return forEachKey(request.body, 'keystores', () => ({ status: 'error', message: NOT_LOCAL }));
    case 'DELETE /eth/v1/keystores':
      return forEachKey(request.body, 'pubkeys', () => ({ status: 'error', message: NOT_LOCAL }));
    default:
      return { status: 404, body: 'Not Found' };
  }
}

/** Prysm distinguishes a header of another scheme. */
function refuse(
  authorization: string | undefined,
  { kind, token }: Pick<Client, 'kind' | 'token'>,
): Answer | undefined {
  if (authorization === undefined) return { status: 401, body: { message: 'no token' } };
  if (kind === 'prysm' && !authorization.startsWith('Bearer '))
    return { status: 400, body: { message: 'Invalid token format' } };
  if (authorization !== `Bearer ${token}`) return { status: 403, body: { message: 'wrong token' } };
  return undefined;
}

/** The keys that its lists name, which are not always those that it runs. */
function listed({ own, faults }: Client): readonly RemoteKey[] {
  const { listsStill, upperCase } = faults;
  const keys =
    listsStill === undefined
      ? own.running
      : listsStill.map(pubkey => ({ pubkey, url: 'http://signer:9000', isOfFile: true }));
  if (!upperCase) return keys;
  return keys.map(key => ({ ...key, pubkey: `0x${key.pubkey.slice(2).toUpperCase()}` }));
}

function remoteEntry({ pubkey, url, isOfFile }: RemoteKey, kind: ClientKind) {
  const { readOnly } = CLIENT_RULES[kind];
  const isReadOnly = readOnly === 'all' || (readOnly === 'those-of-files' && isOfFile);
  return { pubkey, url, readonly: isReadOnly };
}

function addKeys({ kind, own, faults }: Client, body: string): Answer {
  const parsed: unknown = JSON.parse(body);
  const names = Object.keys(parsed ?? {});
  // It denies unknown fields, at the top only.
  if (kind === 'lighthouse' && names.some(name => name !== 'remote_keys'))
    return { status: 400, body: { code: 400, message: 'BAD_REQUEST: body deserialize error' } };
  const isUrlMissing = (key: unknown) => (key as { url?: unknown }).url === undefined;
  const given = (parsed as { remote_keys?: unknown }).remote_keys;
  if (CLIENT_RULES[kind].url === 'required' && Array.isArray(given) && given.some(isUrlMissing))
    return { status: 400, body: { code: 400, message: 'missing field `url`' } };
  return forEachKey(body, 'remote_keys', key => {
    if (kind === 'teku' && faults.noSigner) return { status: 'error', message: 'Not able to add validator' };
    return own.add(key as { pubkey?: unknown; url?: unknown }, faults.checksAdded === true);
  });
}

/** One status for each member of the request's list, in its order. */
function forEachKey(body: string, list: string, work: (member: unknown) => KeyStatus): Answer {
  const given = (JSON.parse(body) as Record<string, unknown>)[list];
  if (!Array.isArray(given)) return { status: 400, body: { code: 400, message: `${list} is not a list` } };
  return { status: 200, body: { data: given.map(work) } };
}
