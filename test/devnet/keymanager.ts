import { depositSigningRoot } from './deposit-data.ts';
import { type ExitChain, exitSigningRoot, hex, sign, unhex } from './exit-signature.ts';
import { type Answer, type ReceivedRequest, startServer } from './http-server.ts';
import { decryptKeystoreV4 } from './keystore-v4.ts';

/**
 * What the signer does wrong: `down` cuts every connection, `hanging` never answers, `garbage` is no JSON, `no-api` has
 * no key manager, `host-refused` knows other names, `cut-import` resets the connection of each import and goes on behind
 * it (Web3Signer's idle time-out), `half` fails every other keystore, `empty-list` lists no key, `wrong-key` signs with
 * another one, `other-network` belongs to another chain; `other-amount`, `other-credentials` and `other-fork` sign another deposit
 * than the one that is asked for.
 */
type KeymanagerFault =
  | 'down'
  | 'hanging'
  | 'garbage'
  | 'no-api'
  | 'host-refused'
  | 'cut-import'
  | 'half'
  | 'empty-list'
  | 'wrong-key'
  | 'other-network'
  | 'other-amount'
  | 'other-credentials'
  | 'other-fork'
  | 'delete-fails';

interface LoadedKey {
  readonly secretKey: Uint8Array;
  readonly path: string;
  readonly isReadOnly: boolean;
}

export interface Keymanager extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  fault: KeymanagerFault | undefined;
  /** Keys by public key, lower-case hex. */
  readonly keys: ReadonlyMap<string, LoadedKey>;
  /** How each imported keystore was encrypted. */
  readonly seenKdfs: ReadonlySet<string>;
  readonly seenPasswords: ReadonlySet<string>;
  /** Exits signed so far. */
  readonly signed: readonly { readonly publicKey: string; readonly validatorIndex: string }[];
  addKey(publicKey: string, key: LoadedKey): void;
  /** How long the import of one keystore takes. */
  importDelayMs: number;
  /** It dies in the middle: cuts every connection from then on, when it has signed so many exits more. */
  diesAfter: number | undefined;
}

interface State {
  readonly chain: ExitChain;
  readonly keys: Map<string, LoadedKey>;
  readonly seenKdfs: Set<string>;
  readonly seenPasswords: Set<string>;
  readonly signed: { publicKey: string; validatorIndex: string }[];
  readonly current: () => Pick<Keymanager, 'fault' | 'importDelayMs' | 'diesAfter'>;
}

/** A Web3Signer with a key manager, in small: imports keystores, lists, deletes, and signs exits and deposits. On loopback. */
export async function startKeymanager(chain: ExitChain, { port = 0 } = {}): Promise<Keymanager> {
  const state: State = {
    chain,
    keys: new Map(),
    seenKdfs: new Set(),
    seenPasswords: new Set(),
    signed: [],
    current: () => keymanager,
  };
  const server = await startServer(
    request => {
      if (keymanager.diesAfter !== undefined && keymanager.diesAfter <= 0) return 'reset';
      switch (keymanager.fault) {
        case 'down':
          return 'reset';
        case 'hanging':
          return 'hang';
        case 'garbage':
          return { status: 200, body: '<html>' };
        case 'host-refused':
          return { status: 403, body: { message: 'Host not authorized.' } };
        default:
          return route(state, request);
      }
    },
    { port, maxBytes: 10 * 1024 * 1024 },
  );
  const { keys, seenKdfs, seenPasswords, signed } = state;
  const keymanager: Keymanager = {
    url: server.url,
    requests: server.requests,
    keys,
    seenKdfs,
    seenPasswords,
    signed,
    fault: undefined,
    importDelayMs: 0,
    diesAfter: undefined,
    addKey: (publicKey, key) => void keys.set(publicKey.toLowerCase(), key),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return keymanager;
}

async function route(state: State, request: ReceivedRequest): Promise<Answer | 'reset'> {
  const { method, path, body } = request;
  const { fault } = state.current();
  const signing = /^POST \/api\/v1\/eth2\/sign\/(0x[0-9a-fA-F]{96})$/.exec(`${method} ${path}`);
  if (signing) {
    const signer = state.current();
    if (signer.diesAfter !== undefined) signer.diesAfter--;
    return signMessage(state, (signing[1] ?? '').toLowerCase(), body);
  }
  const names = fault === 'empty-list' ? [] : [...state.keys.keys()];
  switch (`${method} ${path}`) {
    case 'GET /upcheck':
      return { status: 200, body: 'OK' };
    case 'GET /healthcheck':
      return { status: 200, body: { status: 'UP', checks: [], outcome: 'UP' } };
    case 'GET /api/v1/eth2/publicKeys':
      return { status: 200, body: names };
  }
  if (path !== '/eth/v1/keystores' || fault === 'no-api') {
    return { status: 404, body: '<html><body><h1>Resource not found</h1></body></html>' };
  }
  if (method === 'GET') {
    const data = names.sort().map(publicKey => ({
      validating_pubkey: publicKey,
      derivation_path: state.keys.get(publicKey)?.path ?? null,
      readonly: state.keys.get(publicKey)?.isReadOnly ?? false,
    }));
    return { status: 200, body: { data } };
  }
  if (method === 'DELETE') return deleteKeys(state, body);
  const { keystores, passwords } = JSON.parse(body) as { keystores: string[]; passwords: string[] };
  if (keystores.length !== passwords.length) return { status: 400, body: 'Bad Request' };
  const importing = importAll(state, keystores, passwords);
  if (fault === 'cut-import') return 'reset';
  return { status: 200, body: { data: await importing } };
}

async function importAll(state: State, keystores: readonly string[], passwords: readonly string[]) {
  const before = new Set(state.keys.keys());
  const results: { status: string; message: string | null }[] = [];
  for (const [i, text] of keystores.entries()) {
    const { importDelayMs, fault } = state.current();
    // Also gives other requests their turn.
    await new Promise(resolve =>
      importDelayMs > 0 ? setTimeout(resolve, importDelayMs) : setImmediate(resolve),
    );
    try {
      if (fault === 'half' && i % 2 === 1) throw new Error('disk full');
      const password = passwords[i] ?? '';
      const { secretKey, publicKey, path, kdf } = decryptKeystoreV4(text, password);
      const name = hex(publicKey);
      state.seenKdfs.add(kdf);
      state.seenPasswords.add(password);
      results.push({ status: before.has(name) ? 'duplicate' : 'imported', message: null });
      if (!before.has(name)) state.keys.set(name, { secretKey, path, isReadOnly: false });
    } catch (error) {
      results.push({ status: 'error', message: error instanceof Error ? error.message : String(error) });
    }
  }
  return results;
}

function deleteKeys(state: State, body: string): Answer {
  const { pubkeys } = JSON.parse(body) as { pubkeys: string[] };
  const data = pubkeys.map(publicKey => {
    const key = state.keys.get(publicKey.toLowerCase());
    if (key === undefined) return { status: 'not_found', message: '' };
    if (key.isReadOnly) return { status: 'error', message: `Unable to delete readonly key: ${publicKey}` };
    if (state.current().fault === 'delete-fails') return { status: 'error', message: 'disk full' };
    state.keys.delete(publicKey.toLowerCase());
    return { status: 'deleted', message: '' };
  });
  return { status: 200, body: { data, slashing_protection: '{"metadata":{},"data":[]}' } };
}

function signMessage(state: State, publicKey: string, body: string): Answer {
  const key = state.keys.get(publicKey);
  if (key === undefined) return { status: 404, body: 'Not Found' };
  const { type } = JSON.parse(body) as { type: string };
  if (type === 'DEPOSIT') return signDeposit(state, key, body);
  return signExit(state, { publicKey, key }, body);
}

/** Signs as Web3Signer does: whatever the credentials and the amount, with the fork version that the request names. */
function signDeposit(state: State, { secretKey }: LoadedKey, body: string): Answer {
  const { deposit, signing_root } = JSON.parse(body) as {
    deposit: { pubkey: string; withdrawal_credentials: string; amount: string; genesis_fork_version: string };
    signing_root: string;
  };
  const message = {
    publicKey: unhex(deposit.pubkey),
    withdrawalCredentials: unhex(deposit.withdrawal_credentials),
    amountGwei: BigInt(deposit.amount),
  };
  const chain = { genesisForkVersion: unhex(deposit.genesis_fork_version) };
  const root = depositSigningRoot(message, chain);
  if (hex(root) !== signing_root) return { status: 500, body: 'Internal Server Error' };
  const { fault } = state.current();
  const signer = fault === 'wrong-key' ? Buffer.alloc(32, 7) : secretKey;
  const signed = {
    'other-amount': { ...message, amountGwei: message.amountGwei + 1n },
    'other-credentials': { ...message, withdrawalCredentials: Buffer.alloc(32, 0xee) },
  };
  const lie = fault === 'other-amount' || fault === 'other-credentials' ? signed[fault] : message;
  const fork = fault === 'other-fork' ? { genesisForkVersion: Uint8Array.of(9, 9, 9, 9) } : chain;
  return { status: 200, body: { signature: hex(sign(signer, depositSigningRoot(lie, fork))) } };
}

function signExit(
  state: State,
  { publicKey, key }: { readonly publicKey: string; readonly key: LoadedKey },
  body: string,
): Answer {
  const request = JSON.parse(body) as {
    type: string;
    signing_root: string;
    fork_info: { genesis_validators_root: string };
    voluntary_exit: { epoch: string; validator_index: string };
  };
  if (request.type !== 'VOLUNTARY_EXIT') return { status: 400, body: 'Bad Request' };
  const { fault } = state.current();
  const { epoch, validator_index: validatorIndex } = request.voluntary_exit;
  const root = exitSigningRoot(
    { epoch: BigInt(epoch), validatorIndex: BigInt(validatorIndex) },
    {
      ...state.chain,
      genesisValidatorsRoot: unhex(request.fork_info.genesis_validators_root),
      ...(fault === 'other-network' && { capellaForkVersion: Uint8Array.of(9, 9, 9, 9) }),
    },
  );
  if (hex(root) !== request.signing_root) return { status: 500, body: 'Internal Server Error' };
  state.signed.push({ publicKey, validatorIndex });
  const other = Buffer.alloc(32, 7);
  return {
    status: 200,
    body: { signature: hex(sign(fault === 'wrong-key' ? other : key.secretKey, root)) },
  };
}
