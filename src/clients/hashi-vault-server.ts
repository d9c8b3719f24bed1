import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ErrorCodeOf } from '../lib/error-codes.ts';
import { ExternalError } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { parseJson } from '../lib/json.ts';
import { retry } from '../lib/retry.ts';
import {
  bodyText,
  describeEndpoint,
  type HttpDeps,
  type HttpResponse,
  logRetry,
  requestHttp,
} from './http.ts';

/** A server of HashiCorp Vault or OpenBao, and how long it is waited for; plain data. */
export interface HashiVaultServer {
  /** The server's address as in `VAULT_ADDR`: scheme, host and port. */
  readonly url: string;
  /** Mount of the KV version 2 engine. */
  readonly mount: string;
  /** Namespace that mount and token belong to; undefined for the root one, which is the only one where there are none. */
  readonly namespace?: string | undefined;
  /** Time limit of one request. */
  readonly timeoutMs: number;
  /** How long a server that is sealed, busy or away is asked again. */
  readonly retryTimeoutMs: number;
}

const errorSchema = z.object({
  errors: z.array(z.string()).transform(errors => foreignText(errors.join(' '))),
});
const versionSchema = z.object({ data: z.object({ data: z.null(), metadata: z.looseObject({}) }) });
const warningSchema = z.object({ data: z.null(), warnings: z.array(z.string()) });

/** 12,000 keys are 2 MB. */
const MAX_SECRET_BYTES = 64 * 1024 * 1024;
const MAX_RETRY_AFTER_SECONDS = 30;

/** Sends a request again and again while the server is not able to answer. Only an answer with 200 comes back. */
export function requestHashiVault(
  deps: HttpDeps,
  options: HashiVaultServer & { readonly token: string },
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
        headers: headersOf(options),
        timeoutMs: options.timeoutMs,
        retries: 0,
        maxRedirects: 0,
        maxBytes: MAX_SECRET_BYTES,
        isExpected: () => true,
      }).catch((error: unknown) => {
        throw explainTls(error);
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

function headersOf({ token, namespace }: Pick<HashiVaultServer, 'namespace'> & { readonly token: string }) {
  const headers = { 'x-vault-token': token, 'x-vault-request': 'true' };
  return namespace === undefined ? headers : { ...headers, 'x-vault-namespace': trimSlashes(namespace) };
}

/** A certificate that is wrong now will be wrong in a minute. */
function isTlsFailure(error: ExternalError): boolean {
  return /CERT|SIGNED|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO/.test(error.message);
}

/** What to change where TLS fails, by Node's and OpenSSL's words for it. The first that fits. */
const TLS_HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|INVALID_CA/,
    'Its certificate is of an authority that this machine does not know: give that one, PEM, with --hashi-vault-ca.',
  ],
  [/ALTNAME_INVALID|HOSTNAME_MISMATCH/, 'Use a name of its certificate in --hashi-vault-url.'],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, 'Renew its certificate, and check the clocks of both machines.'],
  [
    /wrong version number|WRONG_VERSION_NUMBER/,
    'It speaks no TLS there: write --hashi-vault-url with http://.',
  ],
];

function explainTls(error: unknown): unknown {
  if (!(error instanceof ExternalError) || error.hint !== undefined) return error;
  const hint = TLS_HINTS.find(([pattern]) => pattern.test(error.message))?.[1];
  if (hint === undefined) return error;
  const { code, message, retryable, cause } = error;
  return new ExternalError(code, message, { hint, retryable, cause });
}

async function waitAsTold({ headers }: HttpResponse): Promise<void> {
  const seconds = Number(headers['retry-after']);
  if (Number.isInteger(seconds) && seconds > 0)
    await sleep(Math.min(seconds, MAX_RETRY_AFTER_SECONDS) * 1000);
}

/** What an answer other than 200 means, and what to do about it. */
function explain(response: HttpResponse, options: HashiVaultServer, path: string): ExternalError {
  const server = describeEndpoint(options.url);
  const { status } = response;
  const body = parseJson(bodyText(response));
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
  if (status === 403 && isTokenUnknown(reported)) {
    return fail(
      'hashi-vault-denied',
      `${server} denies access to ${options.mount}/${path}${namespacePart(options)}: it does not know the token, which was revoked, has expired or never was one.`,
      'Make another token and put it where this one came from (--hashi-vault-token-file, HASHI_VAULT_TOKEN): it may have been revoked or have expired. A token of a namespace is known there only: --hashi-vault-namespace names it.',
    );
  }
  if (status === 403) {
    return fail(
      'hashi-vault-denied',
      `${server} denies access to ${options.mount}/${path}${namespacePart(options)}.`,
      adviseOnPath(options, path) ??
        'Check that the token is right and not expired, that its policy allows to read this path (KV version 2: <mount>/data/<path>, to list: <mount>/metadata/<path>), that the mount exists, and that --hashi-vault-namespace names the namespace of both, if the server has namespaces.',
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
    isPlainToTls(response) ? 'It speaks TLS there: write --hashi-vault-url with https://.' : undefined,
    status >= 500,
  );
}

/**
 * Whether the token is refused, and not what it may do: OpenBao then has these words alone, HashiCorp Vault names the token,
 * and a policy that says no is "1 error occurred".
 */
function isTokenUnknown(reported: string): boolean {
  return reported.trim() === 'permission denied' || reported.includes('invalid token');
}

/** Go's words to who speaks plain HTTP to a TLS port. */
function isPlainToTls(response: HttpResponse): boolean {
  return response.status === 400 && bodyText(response).includes('HTTP request to an HTTPS server');
}

/** Advice on a path that begins as the server's own URLs do, and not as its secrets are called. */
function adviseOnPath({ mount }: HashiVaultServer, path: string): string | undefined {
  const own = trimSlashes(path);
  const engine = `${trimSlashes(mount)}/`;
  const inEngine = own.startsWith(engine) ? own.slice(engine.length) : own;
  const rest = inEngine.replace(/^(?:data|metadata)\//, '');
  return rest === own
    ? undefined
    : `Give the path without the mount and without "data/": ${foreignText(rest)} in place of ${foreignText(own)}.`;
}

function explainMissing(
  body: unknown,
  reported: string,
  options: HashiVaultServer,
  path: string,
): ExternalError {
  const { mount, url } = options;
  const where = `${describeEndpoint(url)} ${mount}/${path}${namespacePart(options)}`;
  if (reported.includes('no handler for route')) {
    const message = `${describeEndpoint(url)} has no mount ${mount}${namespacePart(options)}.`;
    return new ExternalError('hashi-vault-no-mount', message, {
      hint: 'Name the mount with --hashi-vault-mount, and its namespace, if the server has namespaces, with --hashi-vault-namespace.',
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
    hint: adviseOnPath(options, path) ?? (isVersioned ? WITHOUT_MOUNT : checkEngine(mount)),
  });
}

function namespacePart({ namespace }: Pick<HashiVaultServer, 'namespace'>): string {
  return namespace === undefined ? '' : ` in the namespace ${namespace}`;
}

const WITHOUT_MOUNT = 'Give the path without the mount and without "data/".';

function checkEngine(mount: string): string {
  return `Check the path, and that ${mount} is a KV version 2 engine: version 1 has no such paths.`;
}

/** Host of a redirect only: its path is that of the request. */
function describeLocation({ headers }: HttpResponse): string {
  const location = String(headers.location ?? '');
  return URL.canParse(location) ? new URL(location).origin : 'itself, by another path';
}

/** A path without slashes at its ends, and with single ones. */
export function trimSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/\/{2,}/g, '/');
}
