import { UsageError } from '../lib/errors.ts';

/** What a `--db-url` names. */
export type DatabaseUrl =
  | { readonly kind: 'pglite'; readonly path: string }
  | {
      readonly kind: 'postgres';
      /** Connection strings for pg, to be tried in this order: libpq's sslmode `allow` and `prefer` have two. */
      readonly attempts: readonly string[];
      /** `sslmode` as libpq understands the URL. */
      readonly sslMode: string;
      /** The user himself wrote `sslmode=disable`. */
      readonly isPlainTextWanted: boolean;
      /** `channel_binding=require`. */
      readonly requiresChannelBinding: boolean;
      /** `connect_timeout` of the URL. */
      readonly connectTimeoutMs: number | undefined;
    };

// How pg must be asked for each of libpq's modes. Left out, the mode is `prefer`, as in libpq.
const SSL_MODES: Readonly<Record<string, readonly string[]>> = {
  disable: ['disable'],
  allow: ['disable', 'prefer'],
  prefer: ['prefer', 'disable'],
  require: ['require'],
  'verify-ca': ['verify-ca'],
  'verify-full': ['verify-full'],
};

/**
 * Reads a database URL: `postgresql://` or `postgres://` as libpq takes it (password and host may be missing, a host may be
 * a socket directory), or `pglite:PATH` for the embedded database.
 * @throws UsageError 'invalid-db-url'. The URL is not repeated: it holds a password.
 */
export function parseDatabaseUrl(url: string): DatabaseUrl {
  if (url.startsWith('pglite:')) return { kind: 'pglite', path: parsePglitePath(url) };
  const [, scheme, userinfo = '', rest] = /^(postgres(?:ql)?:\/\/)([^@/]*@)?(.*)$/s.exec(url) ?? [];
  if (scheme === undefined || rest === undefined) throw invalidUrl();
  // libpq ends the password at the @; URL parsers would end the authority at these.
  const escaped = scheme + userinfo.replace(/[#?[\]]/g, encodeURIComponent) + rest;
  const parameters = new URLSearchParams(/\?(.*)$/s.exec(rest)?.[1]);
  if (!isParsable(escaped)) throw invalidUrl();
  const sslMode = last(parameters, 'sslmode') ?? (last(parameters, 'ssl') === 'true' ? 'require' : 'prefer');
  return {
    kind: 'postgres',
    attempts: sslModesOf(sslMode, parameters, rest).map(mode =>
      withParameters(escaped, rest, mode, parameters),
    ),
    sslMode: last(parameters, 'sslrootcert') === 'system' ? 'verify-full' : sslMode,
    isPlainTextWanted: last(parameters, 'sslmode') === 'disable',
    requiresChannelBinding: readChannelBinding(parameters) === 'require',
    connectTimeoutMs: secondsOf(parameters.get('connect_timeout')),
  };
}

function parsePglitePath(url: string): string {
  const path = url.slice('pglite:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.includes('://')) throw invalidUrl();
  return path;
}

function isParsable(url: string): boolean {
  return URL.canParse(url) || URL.canParse(url.replace('@/', '@base/')) || URL.canParse(encodeURI(url));
}

function sslModesOf(mode: string, parameters: URLSearchParams, rest: string): readonly string[] {
  if (isSocket(parameters, rest)) return ['disable'];
  const modes = SSL_MODES[mode];
  if (modes === undefined)
    throw new UsageError('invalid-db-url', `Invalid sslmode "${mode}" in the database URL.`);
  const rootCertificate = last(parameters, 'sslrootcert');
  if (mode === 'verify-ca' && (rootCertificate === undefined || rootCertificate === 'system')) {
    throw new UsageError(
      'invalid-db-url',
      'The sslmode verify-ca in the database URL needs sslrootcert=FILE.',
      {
        hint: 'Name the file of the certificate authority, or use sslmode=verify-full.',
      },
    );
  }
  return rootCertificate === 'system' ? ['verify-full'] : modes;
}

/** pg does not read it, and would go on without. */
function readChannelBinding(parameters: URLSearchParams): string {
  const wanted = last(parameters, 'channel_binding') ?? 'prefer';
  if (['disable', 'prefer', 'require'].includes(wanted)) return wanted;
  throw new UsageError('invalid-db-url', `Invalid channel_binding "${wanted}" in the database URL.`);
}

function isSocket(parameters: URLSearchParams, rest: string): boolean {
  const host = last(parameters, 'host');
  return host !== undefined ? host.startsWith('/') : /^(%2f|\/)/i.test(rest);
}

// pg takes the last of equal parameters. An empty sslrootcert means Node's own certificate authorities.
function withParameters(url: string, rest: string, mode: string, parameters: URLSearchParams): string {
  const system = last(parameters, 'sslrootcert') === 'system' ? '&sslrootcert=' : '';
  return `${url}${rest.includes('?') ? '&' : '?'}ssl=&sslmode=${mode}&uselibpqcompat=true${system}`;
}

function last(parameters: URLSearchParams, name: string): string | undefined {
  return parameters.getAll(name).at(-1);
}

function secondsOf(text: string | null): number | undefined {
  const seconds = Number(text ?? Number.NaN);
  return Number.isInteger(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}

function invalidUrl(): UsageError {
  return new UsageError('invalid-db-url', 'Invalid database connection string', {
    hint: 'Use postgresql://username:pass@hostname/dbname, or pglite:PATH for the embedded database.',
  });
}
