import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { UsageError } from '../lib/errors.ts';
import { guardedClient } from './connection-guard.ts';
import { type DatabaseUrl, parseDatabaseUrl } from './database-url.ts';
import {
  codeOf,
  type Endpoint,
  isAuthenticationFailure,
  isTlsFailure,
  translateConnectError,
  translateQueryError,
} from './errors.ts';

type PostgresUrl = Extract<DatabaseUrl, { kind: 'postgres' }>;

export interface PoolOptions {
  readonly url: PostgresUrl;
  /** Reads the URL again; asked when the server refuses the password, which may have been changed since. */
  readonly reloadUrl?: (() => Promise<string>) | undefined;
  readonly connectTimeoutMs: number;
  /** 0 for none. */
  readonly statementTimeoutMs: number;
  /** Is told once when a server beyond this machine is reached without proof that it is the right one. */
  readonly warn?: ((line: string) => void) | undefined;
}

// One for a lock, one for a snapshot, two for statements beside them.
const MAX_CONNECTIONS = 4;
// The server ends a statement at its timeout; this ends the wait for a server that does not answer at all.
const ANSWER_GRACE_MS = 10_000;

/**
 * Pool of pg connections as kysely wants it, whose errors are this program's.
 * @throws (from connect) ExternalError db-unreachable, db-auth-failed, db-not-found, …
 */
export function createPostgresPool(options: PoolOptions): PostgresPool {
  const { connectTimeoutMs, statementTimeoutMs } = options;
  const ended: Promise<void>[] = [];
  let url = options.url;
  let pool: pg.Pool | undefined;
  let hasWarned = false;

  function warnOfStranger(host: string): void {
    if (hasWarned || url.sslMode === 'verify-full' || url.requiresChannelBinding) return;
    hasWarned = true;
    options.warn?.(
      `The database at ${host} is reached with sslmode=${url.sslMode}: whoever is on the way can pass for it, read and change what goes to and fro. Use sslmode=verify-full in --db-url.`,
    );
  }

  function newPool(connectionString: string): pg.Pool {
    const created = new pg.Pool({
      connectionString,
      Client: guardedClient({ ...url, onRemote: warnOfStranger }),
      enableChannelBinding: url.requiresChannelBinding,
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: url.connectTimeoutMs ?? connectTimeoutMs,
      ...(statementTimeoutMs > 0 && { query_timeout: statementTimeoutMs + ANSWER_GRACE_MS }),
      fallback_application_name: 'stakewise-operator',
      keepAlive: true,
      types: { getTypeParser: typeParserOf },
    });
    // Without listeners a connection that breaks while nobody waits on it would end the process.
    created.on('error', () => undefined);
    created.on('connect', client => client.on('error', () => undefined));
    return created;
  }

  async function connectFirst(): Promise<pg.PoolClient> {
    let failure: unknown;
    for (const connectionString of url.attempts) {
      const endpoint = endpointOf(connectionString);
      const candidate = newPool(connectionString);
      try {
        const client = await candidate.connect();
        // Two may have found out at once that the password has changed.
        if (pool !== undefined) ended.push(pool.end());
        pool = candidate;
        return client;
      } catch (error) {
        ended.push(candidate.end());
        // Of two, the server's own word tells more than that it has no TLS.
        if (failure === undefined || codeOf(error) !== undefined)
          failure = translateConnectError(error, endpoint);
        if (!mayTryOtherSslMode(error)) throw translateConnectError(error, endpoint);
      }
    }
    throw failure;
  }

  async function connect(): Promise<pg.PoolClient> {
    if (pool === undefined) return connectFirst();
    try {
      return await pool.connect();
    } catch (error) {
      throw translateConnectError(error, endpointOf(url.attempts[0]));
    }
  }

  async function reload(error: unknown): Promise<pg.PoolClient> {
    const text = isAuthenticationFailure(error) ? await options.reloadUrl?.() : undefined;
    const fresh = text === undefined ? undefined : parseDatabaseUrl(text);
    if (fresh?.kind !== 'postgres' || fresh.attempts[0] === url.attempts[0]) throw error;
    if (pool !== undefined) ended.push(pool.end());
    pool = undefined;
    url = fresh;
    return connectFirst();
  }

  const wrappers = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    options: {},
    async connect() {
      const client = await connect().catch(reload);
      const wrapper = wrappers.get(client) ?? wrapClient(client, endpointOf(url.attempts[0]));
      // Kysely recognises a connection it has set up before by its identity.
      wrappers.set(client, wrapper);
      return wrapper;
    },
    async end() {
      if (pool !== undefined) ended.push(pool.end());
      await Promise.all(ended);
    },
  };
}

function wrapClient(client: pg.PoolClient, endpoint: Endpoint): PostgresPoolClient {
  let isUnusable = false;
  async function query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      const result = await client.query(sql, [...parameters]);
      return result as unknown as PostgresQueryResult<R>;
    } catch (error) {
      // The answer may still come, and would be taken for that of the next statement.
      if (codeOf(error) === undefined) isUnusable = true;
      throw translateQueryError(error, endpoint);
    }
  }
  return {
    query: query as PostgresPoolClient['query'],
    release: destroy => client.release(destroy === true || isUnusable),
  };
}

// As libpq: `prefer` goes on in plain text, `allow` with TLS, when the server's answer is about the encryption. `allow` also
// when it is this side that wants more of it.
function mayTryOtherSslMode(error: unknown): boolean {
  return codeOf(error) === '28000' || codeOf(error) === 'db-password-in-clear' || isTlsFailure(error);
}

function endpointOf(connectionString: string | undefined): Endpoint {
  try {
    const { host, port, database, user } = new pg.Client({ connectionString });
    return { host, port, database: database ?? user ?? '', role: user ?? '' };
  } catch (error) {
    // Certificate files are read here.
    const path = error instanceof Error && 'path' in error ? ` (${String(error.path)})` : '';
    throw new UsageError(
      'invalid-db-url',
      `Cannot use the database URL: ${codeOf(error) ?? 'it is malformed'}${path}`,
    );
  }
}

const BIGINT = 20;
const BYTEA = 17;

// bytea as plain bytes of their own (pg's are parts of a shared pool), bigint as bigint: the same as from PGlite.
function typeParserOf(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === BYTEA && format !== 'binary') return parseBytea;
  if (oid === BIGINT && format !== 'binary') return BigInt;
  return pg.types.getTypeParser(oid, format === 'binary' ? 'text' : format);
}

function parseBytea(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), 'hex');
  // A long one, such as a page of rows, has its memory to itself already.
  return bytes.length === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}
