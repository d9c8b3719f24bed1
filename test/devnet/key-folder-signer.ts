import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readKeyDocuments } from '../support/checkers/web3signer.ts';
import { type Answer, type ReceivedRequest, startServer } from './http-server.ts';

export interface KeyFolderSigner extends AsyncDisposable {
  readonly url: string;
  /** The public keys that it has loaded, 0x hex. */
  readonly keys: readonly string[];
  /** Ends and starts again: it has what is in its folder then. */
  restart(): void;
}

/** What was loaded: a file with a fault counts, and none of its keys is there. */
interface Loaded {
  readonly keys: readonly string[];
  readonly errors: number;
}

/**
 * A Web3Signer that has the keys of a folder and does not sign, on loopback: it reads the key files when it starts and at
 * `POST /reload`, and is as content with an empty folder as the real one, which the signer of the program refuses.
 */
export async function startKeyFolderSigner(folder: string): Promise<KeyFolderSigner> {
  let loaded = load(folder);
  let lastOperationTime: string | undefined;
  const reload = () => {
    loaded = load(folder);
    lastOperationTime = new Date().toISOString();
  };
  const server = await startServer(request => {
    if (`${request.method} ${request.path}` === 'POST /reload') {
      reload();
      return { status: 202, body: { status: 'accepted', message: 'Reload operation accepted.' } };
    }
    return answer(loaded, lastOperationTime, request);
  });
  return {
    url: server.url,
    get keys() {
      return loaded.keys;
    },
    restart: () => {
      loaded = load(folder);
      lastOperationTime = undefined;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function answer(
  { keys, errors }: Loaded,
  lastOperationTime: string | undefined,
  request: ReceivedRequest,
): Answer {
  const outcome = errors === 0 ? 'UP' : 'DOWN';
  switch (`${request.method} ${request.path}`) {
    case 'GET /upcheck':
      return { status: 200, body: 'OK' };
    case 'GET /healthcheck': {
      const data = { 'keys-loaded': keys.length, 'error-count': errors };
      const checks = [{ id: 'config-files-loading', status: outcome, data }];
      const body = { status: outcome, checks: [{ id: 'keys-check', status: outcome, checks }], outcome };
      return { status: errors === 0 ? 200 : 503, body };
    }
    case 'GET /reload':
      return { status: 200, body: reloadState(errors, lastOperationTime) };
    case 'GET /api/v1/eth2/publicKeys':
      return { status: 200, body: keys };
    default:
      return { status: 404, body: '<html><body><h1>Resource not found</h1></body></html>' };
  }
}

function reloadState(errors: number, lastOperationTime: string | undefined) {
  if (lastOperationTime === undefined) return { status: 'idle' };
  if (errors === 0) return { status: 'completed', lastOperationTime };
  const lastError = `Reload completed with ${errors} signer loading error(s)`;
  return { status: 'completed_with_errors', lastOperationTime, lastError };
}

function load(folder: string): Loaded {
  const keys = new Set<string>();
  let errors = 0;
  for (const name of readdirSync(folder).filter(one => /^[^.].*\.ya?ml$/i.test(one))) {
    try {
      const text = readFileSync(join(folder, name), 'utf8');
      for (const publicKey of readKeyDocuments(text, name)) keys.add(publicKey);
    } catch {
      errors++;
    }
  }
  return { keys: [...keys], errors };
}
