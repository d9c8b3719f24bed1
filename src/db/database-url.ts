import { UsageError } from '../lib/errors.ts';
import { type ConnectionParameters, invalidUrl, readConnectionString } from './connection-string.ts';
import { readTargetSession, type TargetSession } from './target-session.ts';

/** What a `--db-url` names. */
export type DatabaseUrl =
  | { readonly kind: 'pglite'; readonly path: string }
  | {
      readonly kind: 'postgres';
      /**
       * Connection strings for pg, to be tried in this order: one after another for the hosts that the URL names, and for
       * each as its sslmode wants it, since libpq's `allow` and `prefer` have two ways.
       */
      readonly attempts: readonly string[];
      /** Which of the hosts is wanted. */
      readonly targetSession: TargetSession;
      /** Whether the hosts are tried in any order (`load_balance_hosts=random`). */
      readonly isOrderRandom: boolean;
      /** `sslmode` as libpq understands the URL. */
      readonly sslMode: string;
      /** The user himself wrote `sslmode=disable`. */
      readonly isPlainTextWanted: boolean;
      /** `channel_binding=require`. */
      readonly requiresChannelBinding: boolean;
      /** `connect_timeout` of the URL, for one host. */
      readonly connectTimeoutMs: number | undefined;
      /** File of passwords; undefined for the one in the user's home. */
      readonly passwordFile: string | undefined;
    };

/** What libpq's variables say where a connection string says nothing, by the names of its parameters. */
export type ConnectionDefaults = Readonly<Record<string, string | undefined>>;

// How pg must be asked for each of libpq's modes. Left out, the mode is `prefer`, as in libpq.
const SSL_MODES: Readonly<Record<string, readonly string[]>> = {
  disable: ['disable'],
  allow: ['disable', 'prefer'],
  prefer: ['prefer', 'disable'],
  require: ['require'],
  'verify-ca': ['verify-ca'],
  'verify-full': ['verify-full'],
};
/** What is not passed on to pg as it stands. */
const READ_HERE: ReadonlySet<string> = new Set([
  'dbname',
  'host',
  'hostaddr',
  'password',
  'passfile',
  'port',
  'ssl',
  'sslmode',
  'uselibpqcompat',
  'user',
]);

/** A URL as libpq has it, also of one that was copied from the settings of a program in Java. */
export function postgresUrl(text: string): string {
  return text.trim().replace(/^jdbc:(?=postgresql:)/, '');
}

/**
 * Reads a database URL: `postgresql://` or `postgres://` as libpq takes it (password and host may be missing, a host may be
 * a socket directory, there may be several), libpq's keywords and values (`host=a,b dbname=x`), or `pglite:PATH` for the
 * embedded database.
 * @throws UsageError 'invalid-db-url'. The URL is not repeated: it holds a password.
 */
export function parseDatabaseUrl(text: string, defaults: ConnectionDefaults = {}): DatabaseUrl {
  if (text.startsWith('pglite:')) return { kind: 'pglite', path: parsePglitePath(text) };
  const parameters = withDefaults(readConnectionString(text), defaults);
  if (parameters.has('service')) {
    throw new UsageError('invalid-db-url', 'The database URL names a service, whose file is not read.', {
      hint: 'Write its host, port and dbname into the URL.',
    });
  }
  const sslMode = parameters.get('sslmode') ?? 'prefer';
  return {
    kind: 'postgres',
    attempts: hostsOf(parameters).flatMap(host =>
      sslModesOf(sslMode, parameters, host).map(mode => writeAttempt(parameters, host, mode)),
    ),
    targetSession: readTargetSession(parameters.get('target_session_attrs')),
    isOrderRandom: readWord(parameters, 'load_balance_hosts', ['disable', 'random']) === 'random',
    sslMode: parameters.get('sslrootcert') === 'system' ? 'verify-full' : sslMode,
    isPlainTextWanted: parameters.get('sslmode') === 'disable',
    // pg does not read it, and would go on without.
    requiresChannelBinding:
      readWord(parameters, 'channel_binding', ['prefer', 'disable', 'require']) === 'require',
    connectTimeoutMs: secondsOf(parameters.get('connect_timeout')),
    passwordFile: parameters.get('passfile'),
  };
}

/** The password in a database URL; undefined where there is none. @throws UsageError 'invalid-db-url' */
export function passwordOf(text: string): string | undefined {
  return text.startsWith('pglite:') ? undefined : readConnectionString(text).get('password');
}

function parsePglitePath(url: string): string {
  const path = url.slice('pglite:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.includes('://')) throw invalidUrl();
  return path;
}

function withDefaults(given: ConnectionParameters, defaults: ConnectionDefaults): ConnectionParameters {
  const parameters = new Map(given);
  for (const [name, value] of Object.entries(defaults)) {
    if (value !== undefined && !parameters.has(name)) parameters.set(name, value);
  }
  return parameters;
}

/** A server to be tried. An empty host or port is left to pg, which looks at PGHOST and PGPORT. */
interface Host {
  readonly name: string;
  readonly port: string;
}

/** @throws UsageError 'invalid-db-url' */
function hostsOf(parameters: ConnectionParameters): readonly Host[] {
  const names = (parameters.get('host') ?? parameters.get('hostaddr') ?? '').split(',');
  const ports = (parameters.get('port') ?? '').split(',');
  for (const port of ports) requirePort(port);
  const [only = ''] = ports;
  if (ports.length !== 1 && ports.length !== names.length) {
    throw new UsageError(
      'invalid-db-url',
      `Could not match ${ports.length} port numbers to ${names.length} hosts in the database URL.`,
      { hint: 'Give one port for all hosts, or one for each.' },
    );
  }
  return names.map((name, index) => ({
    name: name.trim(),
    port: (ports.length === 1 ? only : (ports[index] ?? '')).trim(),
  }));
}

function requirePort(text: string): void {
  const port = Number(text);
  if (text.trim() === '' || (/^\s*\d+\s*$/.test(text) && port >= 1 && port <= 65_535)) return;
  throw new UsageError('invalid-db-url', `Invalid port number "${text.trim()}" in the database URL.`);
}

function sslModesOf(mode: string, parameters: ConnectionParameters, host: Host): readonly string[] {
  if (host.name.startsWith('/')) return ['disable'];
  const modes = SSL_MODES[mode];
  if (modes === undefined)
    throw new UsageError('invalid-db-url', `Invalid sslmode "${mode}" in the database URL.`);
  const rootCertificate = parameters.get('sslrootcert');
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

/** One host by one mode, as pg reads it. An empty sslrootcert means Node's own certificate authorities. */
function writeAttempt(parameters: ConnectionParameters, host: Host, mode: string): string {
  const encode = encodeURIComponent;
  const user = encode(parameters.get('user') ?? '');
  const password = parameters.has('password') ? `:${encode(parameters.get('password') ?? '')}` : '';
  const userinfo = user === '' && password === '' ? '' : `${user}${password}@`;
  // pg reads a path by decodeURI, which leaves the signs of a URL escaped.
  const path = encodeURI(parameters.get('dbname') ?? '').replace(/[?#]/g, encode);
  const others = [...parameters].filter(([name]) => !READ_HERE.has(name));
  const query = [
    ...others,
    ...(host.name === '' ? [] : [['host', host.name] as const]),
    ...(host.port === '' ? [] : [['port', host.port] as const]),
  ].map(([name, value]) => `${encode(name)}=${encode(value)}`);
  const system = parameters.get('sslrootcert') === 'system' ? ['sslrootcert='] : [];
  const ssl = ['ssl=', `sslmode=${mode}`, 'uselibpqcompat=true', ...system];
  return `postgresql://${userinfo}/${path}?${[...query, ...ssl].join('&')}`;
}

/** A parameter that is one of a few words, the first of which it is when it is left out. @throws UsageError */
function readWord(parameters: ConnectionParameters, name: string, words: readonly string[]): string {
  const word = parameters.get(name) ?? words[0] ?? '';
  if (words.includes(word)) return word;
  throw new UsageError('invalid-db-url', `Invalid ${name} "${word}" in the database URL.`);
}

function secondsOf(text: string | undefined): number | undefined {
  const seconds = Number(text ?? Number.NaN);
  return Number.isInteger(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}
