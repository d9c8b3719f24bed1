import { UsageError } from '../lib/errors.ts';
import { decodePercents } from '../lib/percent-decoding.ts';

/** What a connection string says, by libpq's names for it; of equal ones the last. */
export type ConnectionParameters = ReadonlyMap<string, string>;

/** How the parts of a URL stand for parameters: `postgresql://[user[:password]@][host[:port][,…]][/dbname][?name=value&…]`. */
const URL_FORM = /^postgres(?:ql)?:\/\/(?:([^@/]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;
/** `name=value` of a keyword string; quotes keep blanks, a backslash keeps what follows it. */
const PAIR = /\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s'\\])*))(?=\s|$)/sy;
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/;

/** Names that libpq takes. A keyword string with another one is a mistake; URLs are known with names of other programs, too. */
const KEYWORDS: ReadonlySet<string> = new Set([
  'application_name',
  'channel_binding',
  'client_encoding',
  'connect_timeout',
  'dbname',
  'fallback_application_name',
  'gssdelegation',
  'gssencmode',
  'gsslib',
  'host',
  'hostaddr',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'krbsrvname',
  'load_balance_hosts',
  'max_protocol_version',
  'min_protocol_version',
  'options',
  'passfile',
  'password',
  'port',
  'replication',
  'require_auth',
  'requirepeer',
  'service',
  'ssl_max_protocol_version',
  'ssl_min_protocol_version',
  'sslcert',
  'sslcertmode',
  'sslcompression',
  'sslcrl',
  'sslcrldir',
  'sslkey',
  'sslmode',
  'sslnegotiation',
  'sslpassword',
  'sslrootcert',
  'sslsni',
  'target_session_attrs',
  'tcp_user_timeout',
  'user',
]);

/**
 * Reads a connection string as libpq does (https://www.postgresql.org/docs/current/libpq-connect.html, 32.1.1): a URL, whose
 * authority may name several hosts, or keywords and values. A percent sign that begins no escape stands for itself.
 * @throws UsageError 'invalid-db-url'. The string is not repeated: it holds a password.
 */
export function readConnectionString(text: string): ConnectionParameters {
  const url = URL_FORM.exec(text);
  return url === null ? readKeywords(text) : readUrl(url);
}

function readUrl([
  ,
  userinfo = '',
  authority = '',
  path = '',
  query = '',
]: RegExpExecArray): ConnectionParameters {
  const parameters = new Map<string, string>();
  const set = (name: string, value: string) => {
    if (value !== '') parameters.set(name, decodePercents(value));
  };
  // A password may have colons.
  const [user = '', ...password] = userinfo.split(':');
  set('user', user);
  set('password', password.join(':'));
  const places = authority.split(',').map(readPlace);
  if (authority !== '') {
    parameters.set('host', places.map(({ host }) => host).join(','));
    if (places.some(({ port }) => port !== ''))
      parameters.set('port', places.map(({ port }) => port).join(','));
  }
  set('dbname', path);
  for (const pair of query.split('&')) {
    const [name = '', ...value] = pair.split('=');
    if (name !== '') parameters.set(decodePercents(name), decodePercents(value.join('=')));
  }
  // A name of JDBC's, which libpq takes as well.
  if (parameters.get('ssl') === 'true' && !parameters.has('sslmode')) parameters.set('sslmode', 'require');
  return parameters;
}

function readPlace(text: string): { readonly host: string; readonly port: string } {
  const [, host, port = ''] = HOST_AND_PORT.exec(text) ?? [];
  if (host === undefined) throw invalidUrl();
  return { host: decodePercents(host.replace(/^\[(.*)\]$/, '$1')), port };
}

function readKeywords(text: string): ConnectionParameters {
  const parameters = new Map<string, string>();
  PAIR.lastIndex = 0;
  const whole = text.trim();
  while (PAIR.lastIndex < whole.length) {
    const [, name, quoted, plain = ''] = PAIR.exec(whole) ?? [];
    if (name === undefined) throw invalidUrl();
    if (!KEYWORDS.has(name)) {
      throw new UsageError(
        'invalid-db-url',
        `Invalid connection option "${name}" in the database connection string.`,
      );
    }
    parameters.set(name, (quoted ?? plain).replace(/\\(.)/gs, '$1'));
  }
  if (parameters.size === 0) throw invalidUrl();
  return parameters;
}

/** The one error for what is no connection string. */
export function invalidUrl(): UsageError {
  return new UsageError('invalid-db-url', 'Invalid database connection string', {
    hint: 'Use postgresql://username:pass@hostname/dbname, or pglite:PATH for the embedded database.',
  });
}
