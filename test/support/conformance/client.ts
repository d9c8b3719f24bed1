// A case as this program's client meets it: what it asks, and what it has to make of the answer.
import { openSignerClient, type SignerClient } from '../../../src/clients/signer/signer-client.ts';
import { ExternalError } from '../../../src/lib/errors.ts';
import { exitSigningRoot, isSignedBy, unhex } from '../../devnet/exit-signature.ts';
import { type SeenRequest, startServer } from '../servers/http-server.ts';
import type { ClientAsk, ConformanceCase } from './cases.ts';
import { type Answer, RECORDED_PUBLIC_KEY } from './exchanges.ts';

/** What the client made of an answer. */
export type Outcome =
  | { readonly signature: string }
  | { readonly isUp: boolean; readonly hasErrors?: boolean }
  | { readonly listsKey: boolean; readonly isEmpty: boolean }
  | { readonly reload: string; readonly lastError: string | undefined }
  | { readonly error: string; readonly hasHint: boolean; readonly retryable: boolean };

/** Asks the signer at a URL. */
export async function askSigner(url: string, ask: ClientAsk): Promise<Outcome> {
  await using client = openSignerClient({ urls: [url], timeoutMs: 5_000 });
  try {
    return await askClient(client, ask);
  } catch (error) {
    if (!(error instanceof ExternalError)) throw error;
    return failure(error);
  }
}

async function askClient(client: SignerClient, ask: ClientAsk): Promise<Outcome> {
  switch (ask.kind) {
    case 'sign':
      return { signature: `0x${Buffer.from(await client.signExit(ask)).toString('hex')}` };
    case 'publicKeys': {
      const keys = await client.listPublicKeys();
      return { listsKey: [...keys].some(key => key === RECORDED_PUBLIC_KEY), isEmpty: keys.size === 0 };
    }
    case 'upcheck':
      await client.checkUp();
      return { isUp: true };
    case 'health': {
      const [{ health } = { health: undefined }] = await client.checkHealth();
      if (health === undefined || health instanceof ExternalError) throw health;
      return { isUp: health.isUp, hasErrors: (health.errorCount ?? 0) > 0 };
    }
    case 'reload': {
      const [outcome] = await client.reload({ reloadTimeoutMs: 10_000, pollMs: 5 });
      return { reload: outcome?.status ?? '', lastError: outcome?.lastError };
    }
  }
}

function failure({ code, hint, retryable }: ExternalError): Outcome {
  return { error: code, hasHint: hint !== undefined, retryable };
}

/** Gives the client an answer, whatever it asks for in the case's place. */
export async function giveAnswer(
  { ask, exchange }: ConformanceCase,
  answer: Answer,
): Promise<{ readonly outcome: Outcome; readonly seen: readonly SeenRequest[] }> {
  let isReloaded = false;
  const server = await startServer(({ method }) => {
    if (ask.kind !== 'reload') return plain(answer);
    if (method === 'POST') isReloaded = true;
    if (isPlaceInReload({ method, isReloaded }, exchange.request.method, answer)) return plain(answer);
    if (method === 'POST') return RELOAD.accepted;
    return isReloaded ? RELOAD.completed : RELOAD.idle;
  });
  await using _ = server;
  return { outcome: await askSigner(server.url, ask), seen: server.seen };
}

const json = (status: number, body: object) => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
/** What a signer says around the one answer of the case. */
const RELOAD = {
  idle: json(200, { status: 'idle' }),
  accepted: json(202, { message: 'Reload operation accepted and is running in the background.' }),
  completed: json(200, { status: 'completed', lastOperationTime: '2030-01-01T00:00:00Z' }),
};

/** A state before the reload, its start, or its end. */
function isPlaceInReload(
  now: { readonly method: string; readonly isReloaded: boolean },
  recordedMethod: string,
  answer: Answer,
): boolean {
  if (recordedMethod !== 'GET') return now.method === 'POST';
  return now.method === 'GET' && now.isReloaded === /"completed|"failed/.test(answer.body);
}

function plain({ status, headers, body }: Answer) {
  const type = headers['content-type'];
  return { status, body, ...(type !== undefined && { headers: { 'content-type': String(type) } }) };
}

/** What the client has to make of an answer; said independently of it. */
export function expectedOutcome({ ask }: ConformanceCase, { status, body }: Answer): Outcome {
  if (ask.kind === 'reload' && status === 202) return { reload: 'completed', lastError: undefined };
  if (ask.kind === 'health' && status === 503) return healthOf(body, false);
  if (status !== 200) return { error: errorOf(ask, status, body), hasHint: true, retryable: false };
  switch (ask.kind) {
    case 'sign':
      return signatureOf(ask, body);
    case 'publicKeys':
      if (!body.startsWith('[')) return { error: 'invalid-answer', hasHint: false, retryable: false };
      return { listsKey: body.includes(RECORDED_PUBLIC_KEY), isEmpty: body === '[]' };
    case 'upcheck':
      return { isUp: true };
    case 'health':
      return healthOf(body, true);
    case 'reload': {
      const { status: reload, lastError } = JSON.parse(body);
      return /^(idle|running)$/.test(reload)
        ? { reload: 'completed', lastError: undefined }
        : { reload, lastError };
    }
  }
}

function healthOf(body: string, isUp: boolean): Outcome {
  return { isUp, hasErrors: /"error-count":[1-9]/.test(body) };
}

function errorOf(ask: ClientAsk, status: number, body: string): string {
  if (status === 413) return 'body-too-large';
  if (ask.kind !== 'sign') return 'web3signer-refused';
  if (status === 400 || status === 500) return 'signer-refused-exit';
  return status === 404 && !body.startsWith('<') ? 'key-not-loaded' : 'web3signer-refused';
}

/** A signature is taken when another library finds it right for the exit that was asked for. */
function signatureOf(ask: ClientAsk & { readonly kind: 'sign' }, body: string): Outcome {
  const signature = /^\{"signature":"(0x[0-9a-f]{192})"\}$/.exec(body)?.[1];
  if (signature === undefined) return { error: 'invalid-answer', hasHint: false, retryable: false };
  return isRight(ask, signature)
    ? { signature }
    : { error: 'invalid-signature', hasHint: true, retryable: false };
}

/** Many cases have the same signature, and each is met several times. */
const verdicts = new Map<string, boolean>();

function isRight(ask: ClientAsk & { readonly kind: 'sign' }, signature: string): boolean {
  const root = exitSigningRoot(ask, ask.network);
  const name = `${signature} of ${root.toString('hex')} by ${ask.publicKey}`;
  const verdict = verdicts.get(name) ?? isSignedBy(ask.publicKey, root, unhex(signature));
  verdicts.set(name, verdict);
  return verdict;
}
