import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { z } from 'zod';
import { fromHex, wipe } from '../lib/bytes.ts';
import type { ErrorCodeOf } from '../lib/error-codes.ts';
import { ExternalError, OperatorError, UsageError } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { createLimit } from '../lib/limit.ts';
import { retry } from '../lib/retry.ts';
import {
  bodyJson,
  describeEndpoint,
  type HttpDeps,
  type HttpResponse,
  logRetry,
  requestHttp,
} from './http.ts';

export interface HashiVaultOptions {
  /** The server's address as in `VAULT_ADDR`: scheme, host and port. */
  readonly url: string;
  readonly token: string;
  /** Mount of the KV version 2 engine. */
  readonly mount: string;
  /** Secrets whose members are `public key: secret key`. */
  readonly keyPaths: readonly string[];
  /** Folders with one secret for each key, named after its public key, whose only member is the secret key. */
  readonly keyPrefixes: readonly string[];
  /** Requests in flight. */
  readonly parallelism: number;
  /** PEM of the authority that signed the server's certificate; the system's when left out. */
  readonly ca?: Uint8Array | undefined;
  /** Time limit of one request. */
  readonly timeoutMs: number;
  /** How long a server that is sealed, busy or away is asked again. */
  readonly retryTimeoutMs: number;
}

/** A key as it is stored; that the two belong together is for the caller to prove. */
export interface VaultKey {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes; the caller wipes it. The text that it was read from cannot be overwritten. */
  readonly secretKey: Uint8Array;
  /** Path of the secret that the key was read from. */
  readonly path: string;
}

// A KV version 1 secret may have a member `data`, too, but no version beside it.
const secretSchema = z.object({
  data: z.object({ data: z.record(z.string(), z.unknown()), metadata: z.object({ version: z.int() }) }),
});
const listSchema = z.object({ data: z.object({ keys: z.array(z.string()) }) });
const errorSchema = z.object({
  errors: z.array(z.string()).transform(errors => foreignText(errors.join(' '))),
});
const versionSchema = z.object({ data: z.object({ data: z.null(), metadata: z.looseObject({}) }) });
const warningSchema = z.object({ data: z.null(), warnings: z.array(z.string()) });

/** 12,000 keys are 2 MB. */
const MAX_SECRET_BYTES = 64 * 1024 * 1024;
const MAX_RETRY_AFTER_SECONDS = 30;

/**
 * Reads the keys of a KV version 2 engine (HashiCorp Vault, OpenBao). Sealed, busy and unreachable servers are asked again
 * for a while; redirects are never followed, since a standby names hosts that the user never gave and the token would go
 * there.
 * @throws ExternalError naming server and path; OperatorError 'hashi-vault-invalid-key' for what is no key
 */
export async function readVaultKeys(deps: HttpDeps, options: HashiVaultOptions): Promise<VaultKey[]> {
  requireToken(options.token);
  const { ca } = options;
  await using agent = ca === undefined ? undefined : openAgent(ca);
  const http: HttpDeps = agent === undefined ? deps : { ...deps, dispatcher: agent.dispatcher };
  const limit = createLimit(options.parallelism);
  const bundled = options.keyPaths.map(path => limit(() => readBundle(http, options, path)));
  const listed = options.keyPrefixes.map(prefix => readPrefix(http, options, prefix, limit));
  const outcomes = await Promise.allSettled([...bundled, ...listed]);
  const keys = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? outcome.value : []));
  const failure = outcomes.find(outcome => outcome.status === 'rejected');
  if (failure === undefined) return keys;
  wipe(keys.map(({ secretKey }) => secretKey));
  throw failure.reason;
}

function openAgent(ca: Uint8Array): AsyncDisposable & { readonly dispatcher: Agent } {
  const dispatcher = new Agent({ connect: { ca: Buffer.from(ca) } });
  return { dispatcher, [Symbol.asyncDispose]: () => dispatcher.close() };
}

async function readBundle(deps: HttpDeps, options: HashiVaultOptions, path: string): Promise<VaultKey[]> {
  const members = Object.entries(await readSecret(deps, options, path));
  if (members.length === 0) throw noKeys(options, path);
  return members.map(([name, value]) => toKey(name, value, path));
}

async function readPrefix(
  deps: HttpDeps,
  options: HashiVaultOptions,
  prefix: string,
  limit: ReturnType<typeof createLimit>,
): Promise<VaultKey[]> {
  const names = await limit(() => listNames(deps, options, prefix));
  const outcomes = await Promise.allSettled(
    names.map(name =>
      limit(async () => {
        const path = `${trimSlashes(prefix)}/${name}`;
        const [value, ...others] = Object.values(await readSecret(deps, options, path));
        if (value === undefined || others.length > 0) {
          throw new OperatorError(
            'hashi-vault-invalid-key',
            `The secret ${foreignText(path)} has not exactly one member.`,
          );
        }
        return toKey(name, value, path);
      }),
    ),
  );
  const keys = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failure = outcomes.find(outcome => outcome.status === 'rejected');
  if (failure === undefined) return keys;
  wipe(keys.map(({ secretKey }) => secretKey));
  throw failure.reason;
}

async function readSecret(
  deps: HttpDeps,
  options: HashiVaultOptions,
  path: string,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await send(deps, options, 'data', path);
  const answer = secretSchema.safeParse(bodyJson(response, options.url));
  if (answer.success) return answer.data.data.data;
  // A null or a KV version 1 answer: its `data` is not a record of records.
  throw noKeys(options, path);
}

/** Names of the secrets of a folder; folders below it are not gone into. */
async function listNames(deps: HttpDeps, options: HashiVaultOptions, prefix: string): Promise<string[]> {
  const response = await send(deps, options, 'metadata', prefix, '?list=true');
  const answer = listSchema.safeParse(bodyJson(response, options.url));
  const names = answer.success ? answer.data.data.keys.filter(name => !name.endsWith('/')) : [];
  if (names.length === 0) throw noKeys(options, prefix);
  return names;
}

/** Sends a request again and again while the server is not able to answer. Only an answer with 200 comes back. */
function send(
  deps: HttpDeps,
  options: HashiVaultOptions,
  section: 'data' | 'metadata',
  path: string,
  query = '',
): Promise<HttpResponse> {
  const segments = [options.mount, section, path].flatMap(part => trimSlashes(part).split('/'));
  const url = `${options.url.replace(/\/+$/, '')}/v1/${segments.map(encodeURIComponent).join('/')}${query}`;
  return retry(
    async () => {
      const response = await requestHttp(deps, {
        url,
        headers: { 'x-vault-token': options.token, 'x-vault-request': 'true' },
        timeoutMs: options.timeoutMs,
        retries: 0,
        maxRedirects: 0,
        maxBytes: MAX_SECRET_BYTES,
        isExpected: () => true,
      });
      if (response.status === 200) return response;
      const error = explain(response, options, path);
      if (response.status === 429) await waitAsTold(response);
      throw error;
    },
    {
      timeoutMs: options.retryTimeoutMs,
      minDelayMs: 250,
      maxDelayMs: 5_000,
      onRetry: logRetry(deps, url),
      isRetryable: error => error instanceof ExternalError && error.retryable && !isTlsFailure(error),
    },
  );
}

/** A certificate that is wrong now will be wrong in a minute. */
function isTlsFailure(error: ExternalError): boolean {
  return /CERT|SIGNED|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO/.test(error.message);
}

async function waitAsTold({ headers }: HttpResponse): Promise<void> {
  const seconds = Number(headers['retry-after']);
  if (Number.isInteger(seconds) && seconds > 0)
    await sleep(Math.min(seconds, MAX_RETRY_AFTER_SECONDS) * 1000);
}

/** What an answer other than 200 means, and what to do about it. */
function explain(response: HttpResponse, options: HashiVaultOptions, path: string): ExternalError {
  const server = describeEndpoint(options.url);
  const { status } = response;
  const body = tryJson(response);
  const reported = errorSchema.safeParse(body).data?.errors ?? '';
  const fail = (code: ErrorCodeOf<'external'>, message: string, hint?: string, retryable = false) =>
    new ExternalError(code, message, { hint, retryable });

  if (status >= 300 && status < 400) {
    return fail(
      'hashi-vault-redirect',
      `${server} redirects to another server (${describeLocation(response)}); the token was not sent there.`,
      'Name the active node, or a load balancer that finds it, with --hashi-vault-url.',
    );
  }
  if (status === 503) {
    return fail(
      'hashi-vault-sealed',
      `${server} is sealed or not initialised.`,
      'Unseal it and start again.',
      true,
    );
  }
  if (status === 429)
    return fail('hashi-vault-busy', `${server} refuses more requests for now (429).`, undefined, true);
  if (status === 403) {
    return fail(
      'hashi-vault-denied',
      `${server} denies access to ${options.mount}/${path}.`,
      'Check that the token is right and not expired, that its policy allows to read this path (KV version 2: <mount>/data/<path>, to list: <mount>/metadata/<path>), and that the mount exists.',
    );
  }
  if (status === 404) return explainMissing(body, reported, options, path);
  if (status === 400 && reported.includes('Upgrading from non-versioned'))
    return fail(
      'hashi-vault-upgrading',
      `${server} is upgrading the mount ${options.mount}.`,
      undefined,
      true,
    );
  // Its own texts name paths and settings, no secrets.
  return fail(
    'hashi-vault-refused',
    `${server} answered with HTTP status ${status} to ${options.mount}/${path}${reported === '' ? '' : `: ${reported}`}.`,
    undefined,
    status >= 500,
  );
}

function explainMissing(
  body: unknown,
  reported: string,
  { mount, url }: HashiVaultOptions,
  path: string,
): ExternalError {
  const where = `${describeEndpoint(url)} ${mount}/${path}`;
  if (reported.includes('no handler for route')) {
    const message = `${describeEndpoint(url)} has no mount ${mount}.`;
    return new ExternalError('hashi-vault-no-mount', message, {
      hint: 'Name the mount with --hashi-vault-mount.',
    });
  }
  if (versionSchema.safeParse(body).success) {
    const hint = 'Undelete it or write it again.';
    return new ExternalError('hashi-vault-version-deleted', `The latest version of ${where} is deleted.`, {
      hint,
    });
  }
  const isVersioned = warningSchema.safeParse(body).success;
  return new ExternalError('hashi-vault-path-missing', `There is no secret at ${where}.`, {
    hint: isVersioned
      ? 'Give the path without the mount and without "data/".'
      : `Check the path, and that ${mount} is a KV version 2 engine: version 1 has no such paths.`,
  });
}

/** Host of a redirect only: its path is that of the request. */
function describeLocation({ headers }: HttpResponse): string {
  const location = String(headers.location ?? '');
  return URL.canParse(location) ? new URL(location).origin : 'itself, by another path';
}

function tryJson(response: HttpResponse): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(response.body));
  } catch {
    return undefined;
  }
}

/** Names are repeated only when they are public keys: stored the wrong way round, they are the secret ones. */
function toKey(name: string, value: unknown, path: string): VaultKey {
  const publicDigits = /^(?:0x)?([0-9a-f]{96})$/i.exec(name)?.[1];
  if (publicDigits === undefined)
    throw new OperatorError(
      'hashi-vault-invalid-key',
      `A name in ${foreignText(path)} is not a public key of 48 bytes of hex.`,
    );
  const secretDigits = typeof value === 'string' ? /^(?:0x)?([0-9a-f]{64})$/i.exec(value)?.[1] : undefined;
  if (secretDigits === undefined) {
    const message = `The value of 0x${publicDigits.toLowerCase()} in ${foreignText(path)} is not a secret key of 32 bytes of hex.`;
    throw new OperatorError('hashi-vault-invalid-key', message);
  }
  return { publicKey: fromHex(publicDigits), secretKey: fromHex(secretDigits), path };
}

function noKeys({ url, mount }: HashiVaultOptions, path: string): ExternalError {
  return new ExternalError(
    'hashi-vault-no-keys',
    `${describeEndpoint(url)} ${mount}/${path} holds no keys.`,
    {
      hint: 'Its members must be "public key": "secret key", in hex; the engine must be KV version 2.',
    },
  );
}

function requireToken(token: string): void {
  if (/^[\x21-\x7e]+$/.test(token)) return;
  throw new UsageError(
    'hashi-vault-invalid-token',
    'The token for HashiCorp Vault is not a token: it has spaces, line breaks or other characters.',
  );
}

function trimSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/\/{2,}/g, '/');
}
