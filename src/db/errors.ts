import type { ErrorCodeOf } from '../lib/error-codes.ts';
import { ExternalError, messageOf, OperatorError } from '../lib/errors.ts';
import { hintOfMissingRight } from './grants/missing-right.ts';

/** Where a connection goes to, for messages. Never the password. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly role: string;
}

interface Rule {
  readonly code: ErrorCodeOf<'external'>;
  /** The same step may succeed when it is repeated on a fresh connection. */
  readonly retryable?: true | undefined;
  readonly message: (place: string, endpoint: Endpoint | undefined, detail: string) => string;
  readonly hint?: string | ((detail: string) => string) | undefined;
}

const LOST: Rule = {
  code: 'db-connection-lost',
  retryable: true,
  message: (place, _endpoint, detail) => `lost the connection to ${place}: ${detail}`,
};
const CONFLICT: Rule = {
  code: 'db-conflict',
  retryable: true,
  message: (place, _endpoint, detail) => `another process is working on the same rows of ${place}: ${detail}`,
};
const SCHEMA: Rule = {
  code: 'db-schema-missing',
  message: (place, _endpoint, detail) => `the tables of this program are missing in ${place}: ${detail}`,
  hint: 'Run "remote-db setup" (first use) or "remote-db migrate", or correct --db-schema.',
};
const READ_ONLY: Rule = {
  code: 'db-read-only',
  message: (place, endpoint) => `${place} is read-only for role "${endpoint?.role ?? 'postgres'}"`,
  hint: 'Connect to the primary server with a role that may write (default_transaction_read_only off).',
};
const FULL: Rule = {
  code: 'db-disk-full',
  message: (place, _endpoint, detail) => `no space left on the disk of ${place}: ${detail}`,
  hint: 'Free disk space and run the command again; it continues where it stopped.',
};

/** What to tell for each SQLSTATE (appendix A of the Postgres manual) or Node error code. */
const RULES: Readonly<Record<string, Rule>> = {
  '08000': LOST,
  '08001': LOST,
  '08003': LOST,
  '08004': LOST,
  '08006': LOST,
  '08007': LOST,
  '57P01': LOST,
  '57P02': LOST,
  '57P03': LOST,
  '57P05': LOST,
  ECONNREFUSED: LOST,
  ECONNRESET: LOST,
  EPIPE: LOST,
  ETIMEDOUT: LOST,
  EHOSTUNREACH: LOST,
  ENETUNREACH: LOST,
  '40001': CONFLICT,
  '40P01': CONFLICT,
  '55P03': CONFLICT,
  '3F000': SCHEMA,
  '42P01': SCHEMA,
  '42703': SCHEMA,
  '25006': READ_ONLY,
  '53100': FULL,
  ENOSPC: FULL,
  '42501': {
    code: 'db-permission-denied',
    message: (place, endpoint, detail) =>
      `role "${endpoint?.role ?? 'postgres'}" lacks a right in ${place}: ${detail}`,
    hint: hintOfMissingRight,
  },
  '53300': {
    code: 'db-too-many-connections',
    retryable: true,
    message: (place, _endpoint, detail) => `${place} takes no more connections: ${detail}`,
  },
  '57014': {
    code: 'db-timeout',
    message: (place, _endpoint, detail) => `a statement took too long in ${place}: ${detail}`,
  },
};

// pg has no codes for what it finds out by itself.
const LOST_MESSAGES =
  /^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

/**
 * What a failed statement means for the user. Errors that are not in the table (a constraint of ours, a syntax error)
 * are bugs and come back as they are.
 */
export function translateQueryError(error: unknown, endpoint: Endpoint | undefined): unknown {
  if (error instanceof OperatorError || !(error instanceof Error)) return error;
  const rule = RULES[sqlStateOf(error) ?? ''] ?? (LOST_MESSAGES.test(error.message) ? LOST : undefined);
  if (rule === undefined) return error;
  const detail = messageOf(error);
  return new ExternalError(rule.code, asSentence(rule.message(describePlace(endpoint), endpoint, detail)), {
    retryable: rule.retryable ?? false,
    hint: typeof rule.hint === 'function' ? rule.hint(detail) : rule.hint,
    cause: error,
  });
}

/** The text with a capital and a full stop: what begins it is often a name, and what ends it the server's own words. */
function asSentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`;
}

/** A failed attempt to connect to one of the servers that a URL names. */
export interface ConnectFailure {
  readonly error: unknown;
  readonly endpoint: Endpoint;
}

/**
 * What failed attempts to connect mean for the user, in libpq's words: a line for each server that was tried. What is to be
 * done is what the last one says: it is the one at which libpq stops as well.
 */
export function translateConnectErrors(failures: readonly ConnectFailure[]): unknown {
  const last = failures.at(-1);
  if (last === undefined || last.error instanceof OperatorError) return last?.error;
  const { error, endpoint } = last;
  const code = sqlStateOf(error);
  const rule = CONNECT_RULES[code ?? ''] ?? (isTlsFailure(error) ? TLS_FAILED : UNREACHABLE);
  const details = failures.map(one => describeFailure(one.error, one.endpoint)).join('\n');
  const message = `failed to connect to the database server with provided URL.\nDetails: ${details}\n`;
  return new ConnectError(rule.code, message, {
    hasLines: true,
    retryable: rule.code === 'db-unreachable' || code === '53300' || code === '57P03',
    hint: rule.hint?.(endpoint),
    cause: error,
    reason: describeFailure(error, endpoint).split('\n', 1)[0] ?? '',
  });
}

/** Why no server of a URL could be connected to. */
export class ConnectError extends ExternalError {
  /** What the last server that was tried said, in one line without a full stop. */
  readonly reason: string;

  constructor(
    code: ErrorCodeOf<'external'>,
    message: string,
    { reason, ...options }: ConstructorParameters<typeof ExternalError>[2] & { readonly reason: string },
  ) {
    super(code, message, options);
    this.reason = reason;
  }
}

/** SQLSTATEs and codes of Node with which a server that is starting, stopping, full or not there yet refuses a connection. */
const NOT_YET = new Set([
  '53300',
  '57P01',
  '57P02',
  '57P03',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  // No server of several is the primary one: one of them is about to be.
  'WRONG_SESSION',
]);

/**
 * Whether a server that could not be connected to may accept connections later by itself: it is not reached, does not answer, or
 * says that it cannot yet. What it says of a role, its password, a database or the encryption stays as it is.
 */
export function mayAcceptLater(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  const { cause } = error;
  const code = sqlStateOf(cause);
  // The socket of a server that has not been started, and no file that is missing.
  if (code === 'ENOENT') return cause instanceof Error && 'syscall' in cause && cause.syscall === 'connect';
  if (code !== undefined) return NOT_YET.has(code);
  return cause instanceof Error && LOST_MESSAGES.test(cause.message);
}

/** What a failed attempt to connect to the only server means for the user. */
export function translateConnectError(error: unknown, endpoint: Endpoint): unknown {
  return translateConnectErrors([{ error, endpoint }]);
}

/** A server wants a password, and there is none. */
export class NoPasswordError extends Error {
  /** Its place in the table of errors of connections. */
  readonly code = 'NO_PASSWORD';

  constructor() {
    super('fe_sendauth: no password supplied');
  }
}

interface ConnectRule {
  readonly code: ErrorCodeOf<'external'>;
  readonly hint?: ((endpoint: Endpoint) => string) | undefined;
}

const UNREACHABLE: ConnectRule = { code: 'db-unreachable' };
const TLS_FAILED: ConnectRule = {
  code: 'db-tls-failed',
  hint: () => 'Check sslmode, sslrootcert and the host name in the URL.',
};

/** What to tell for each SQLSTATE with which a server refuses a connection. */
const CONNECT_RULES: Readonly<Record<string, ConnectRule>> = {
  '28P01': {
    code: 'db-auth-failed',
    hint: at => `Check the password of role "${at.role}" for database "${at.database}".`,
  },
  '28000': {
    code: 'db-auth-failed',
    hint: at => `Check role "${at.role}" and the server's pg_hba.conf.`,
  },
  '3D000': {
    code: 'db-not-found',
    hint: at => `Create the database "${at.database}" or correct the URL.`,
  },
  '42501': {
    code: 'db-permission-denied',
    hint: at => `Grant connect on database "${at.database}" to role "${at.role}".`,
  },
  '53300': { code: 'db-too-many-connections' },
  '57P03': {
    code: 'db-unreachable',
    hint: () => 'The server is starting up or shutting down; try again.',
  },
  NO_PASSWORD: {
    code: 'db-auth-failed',
    hint: at =>
      `Give the password of role "${at.role}": in the URL, better in the file of --db-url-file, or in a password file (PGPASSFILE, ~/.pgpass).`,
  },
  WRONG_SESSION: {
    code: 'db-unreachable',
    hint: () =>
      'target_session_attrs in the database URL says which servers will do: check it, and which of them is the primary server.',
  },
};

/** Whether encryption or the server's certificate is what failed. */
export function isTlsFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    /SSL|TLS|certificate/i.test(error.message) ||
    /^(ERR_(SSL|TLS)|CERT_|UNABLE_TO_)/.test(sqlStateOf(error) ?? '')
  );
}

/** Whether the server refused the role or its password. */
export function isAuthenticationFailure(error: unknown): boolean {
  const code = sqlStateOf(error instanceof OperatorError ? error.cause : error);
  return code === '28P01' || code === '28000' || code === 'NO_PASSWORD';
}

/**
 * Whether another of a URL's servers may do where this one failed, as libpq decides it: when it was not reached, is not ready
 * or is not the kind of server that is wanted. What it says of the role, the database or the encryption holds for all.
 */
export function mayTryNextServer(error: unknown): boolean {
  if (error instanceof OperatorError || isTlsFailure(error) || isAuthenticationFailure(error)) return false;
  const code = sqlStateOf(error) ?? '';
  // Node's codes are letters, and one of a server has digits.
  return code === '57P03' || !/^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

/** Whether the same step may be repeated on a fresh connection. */
export function isLostConnection(error: unknown): boolean {
  return error instanceof ExternalError && error.retryable && error.code.startsWith('db-');
}

/** SQLSTATE of a Postgres error or code of a Node error. */
export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof AggregateError && !('code' in error)) return sqlStateOf(error.errors[0]);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function describePlace(endpoint: Endpoint | undefined): string {
  if (endpoint === undefined) return 'the embedded database';
  return `database "${endpoint.database}" at "${endpoint.host}", port ${endpoint.port}`;
}

// One line per address that was tried, as libpq prints them.
function describeFailure(error: unknown, endpoint: Endpoint): string {
  if (error instanceof AggregateError)
    return error.errors.map(one => describeFailure(one, endpoint)).join('\n');
  const { host, port } = endpoint;
  const code = sqlStateOf(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const reason =
      code === 'ENOTFOUND' ? 'Name or service not known' : 'Temporary failure in name resolution';
    return `could not translate host name "${host}" to address: ${reason}`;
  }
  const address = error instanceof Error && 'address' in error ? String(error.address) : host;
  if (host.startsWith('/')) {
    return `connection to server on socket "${host}/.s.PGSQL.${port}" failed: ${describeReason(error, code, true)}`;
  }
  const name = address === host ? `"${host}"` : `"${host}" (${address})`;
  return `connection to server at ${name}, port ${port} failed: ${describeReason(error, code, false)}`;
}

function describeReason(error: unknown, code: string | undefined, isSocket: boolean): string {
  const question = isSocket
    ? '\n\tIs the server running locally and accepting connections on that socket?'
    : '\n\tIs the server running on that host and accepting TCP/IP connections?';
  const known = NODE_REASONS[code ?? ''];
  if (known !== undefined) return code === 'ECONNREFUSED' || code === 'ENOENT' ? known + question : known;
  const message = messageOf(error);
  if (/^timeout|connection timeout/i.test(message)) return 'timeout expired';
  if (message.includes('does not support SSL')) return 'server does not support SSL, but SSL was required';
  if (message.startsWith('Connection terminated')) return 'server closed the connection unexpectedly';
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? `FATAL:  ${message}` : message;
}

const NODE_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  ECONNRESET: 'Connection reset by peer',
  ETIMEDOUT: 'Connection timed out',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
};
