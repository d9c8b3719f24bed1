import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { UsageError } from '../lib/errors.ts';
import { guardedClient } from './connection-guard.ts';
import { type DatabaseUrl, parseDatabaseUrl } from './database-url.ts';
import {
  type Endpoint,
  isAuthenticationFailure,
  isTlsFailure,
  sqlStateOf,
  translateConnectError,
  translateQueryError,
} from './errors.ts';
import { BIGINT, BYTEA } from './type-oids.ts';

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
  return new ReloadingPool(options);
}

/** A pool that finds out by its first connection which way of using TLS works, and again when the password has changed. */
class ReloadingPool implements PostgresPool {
  /** What kysely would open a connection of its own with, to cancel a query; no query here can be cancelled. */
  readonly options = {};
  readonly #settings: PoolOptions;
  /** What kysely holds for each connection: it recognises one that it has set up before by its identity. */
  readonly #wrappers = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  /** Pools that are no longer used, on their way to the end. */
  readonly #ended: Promise<void>[] = [];
  #url: PostgresUrl;
  /** undefined until a first connection has been made. */
  #pool: pg.Pool | undefined;
  #hasWarned = false;

  constructor(settings: PoolOptions) {
    this.#settings = settings;
    this.#url = settings.url;
  }

  async connect(): Promise<PostgresPoolClient> {
    const client = await this.#connect().catch((error: unknown) => this.#connectWithNewPassword(error));
    const wrapper = this.#wrappers.get(client) ?? wrapClient(client, endpointOf(this.#url.attempts[0]));
    this.#wrappers.set(client, wrapper);
    return wrapper;
  }

  async end(): Promise<void> {
    if (this.#pool !== undefined) this.#ended.push(this.#pool.end());
    await Promise.all(this.#ended);
  }

  async #connect(): Promise<pg.PoolClient> {
    if (this.#pool === undefined) return this.#connectFirst();
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw translateConnectError(error, endpointOf(this.#url.attempts[0]));
    }
  }

  /** Tries the ways that the sslmode allows, one after another; the pool of the one that works stays. */
  async #connectFirst(): Promise<pg.PoolClient> {
    let failure: unknown;
    for (const connectionString of this.#url.attempts) {
      const endpoint = endpointOf(connectionString);
      const candidate = this.#openPool(connectionString);
      try {
        const client = await candidate.connect();
        // Two may have found out at once that the password has changed.
        this.#leavePool();
        this.#pool = candidate;
        return client;
      } catch (error) {
        this.#ended.push(candidate.end());
        // Of two, the server's own word tells more than that it has no TLS.
        if (failure === undefined || sqlStateOf(error) !== undefined)
          failure = translateConnectError(error, endpoint);
        if (!mayTryOtherSslMode(error)) throw translateConnectError(error, endpoint);
      }
    }
    throw failure;
  }

  /** @throws the error itself unless it is about the password, and there is another one now */
  async #connectWithNewPassword(error: unknown): Promise<pg.PoolClient> {
    const text = isAuthenticationFailure(error) ? await this.#settings.reloadUrl?.() : undefined;
    const fresh = text === undefined ? undefined : parseDatabaseUrl(text);
    if (fresh?.kind !== 'postgres' || fresh.attempts[0] === this.#url.attempts[0]) throw error;
    this.#leavePool();
    this.#url = fresh;
    return this.#connectFirst();
  }

  #openPool(connectionString: string): pg.Pool {
    const { connectTimeoutMs, statementTimeoutMs } = this.#settings;
    const url = this.#url;
    const pool = new pg.Pool({
      connectionString,
      Client: guardedClient({ ...url, onRemote: host => this.#warnOfStranger(host) }),
      enableChannelBinding: url.requiresChannelBinding,
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: url.connectTimeoutMs ?? connectTimeoutMs,
      ...(statementTimeoutMs > 0 && { query_timeout: statementTimeoutMs + ANSWER_GRACE_MS }),
      fallback_application_name: 'stakewise-operator',
      keepAlive: true,
      types: { getTypeParser: typeParserOf },
    });
    // Without listeners a connection that breaks while nobody waits on it would end the process.
    pool.on('error', () => undefined);
    pool.on('connect', client => client.on('error', () => undefined));
    return pool;
  }

  /** Lets the pool end by itself, so that the next connection is a first one. */
  #leavePool(): void {
    if (this.#pool !== undefined) this.#ended.push(this.#pool.end());
    this.#pool = undefined;
  }

  #warnOfStranger(host: string): void {
    const { sslMode, requiresChannelBinding } = this.#url;
    if (this.#hasWarned || sslMode === 'verify-full' || requiresChannelBinding) return;
    this.#hasWarned = true;
    this.#settings.warn?.(
      `The database at ${host} is reached with sslmode=${sslMode}: whoever is on the way can pass for it, read and change what goes to and fro. Use sslmode=verify-full in --db-url.`,
    );
  }
}

function wrapClient(client: pg.PoolClient, endpoint: Endpoint): PostgresPoolClient {
  let isUnusable = false;
  async function query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      const result = await client.query(sql, [...parameters]);
      return result as unknown as PostgresQueryResult<R>;
    } catch (error) {
      // The answer may still come, and would be taken for that of the next statement.
      if (sqlStateOf(error) === undefined) isUnusable = true;
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
  return sqlStateOf(error) === '28000' || sqlStateOf(error) === 'db-password-in-clear' || isTlsFailure(error);
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
      `Cannot use the database URL: ${sqlStateOf(error) ?? 'it is malformed'}${path}.`,
    );
  }
}

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
