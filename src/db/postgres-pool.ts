import { randomInt } from 'node:crypto';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { UsageError } from '../lib/errors.ts';
import { guardedClient } from './connection-guard.ts';
import type { DatabaseUrl } from './database-url.ts';
import {
  type ConnectFailure,
  type Endpoint,
  isAuthenticationFailure,
  isTlsFailure,
  mayTryNextServer,
  NoPasswordError,
  sqlStateOf,
  translateConnectError,
  translateConnectErrors,
} from './errors.ts';
import { type Listen, listenOn } from './notifications.ts';
import { findPassword, ownPasswordFile, type PasswordPlace } from './password-file.ts';
import { wrapClient } from './pooled-client.ts';
import { requireSession, roundsOf, type WantedSession } from './target-session.ts';
import { BIGINT, BYTEA, NUMERIC } from './type-oids.ts';

type PostgresUrl = Extract<DatabaseUrl, { kind: 'postgres' }>;

export interface PoolOptions {
  readonly url: PostgresUrl;
  /** Reads the URL again; asked when the server refuses the password, which may have been changed since. */
  readonly reloadUrl?: (() => Promise<DatabaseUrl>) | undefined;
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

/** A pool, one of whose connections can be kept to hear what is told. */
export interface ListeningPool extends PostgresPool {
  readonly listen: Listen;
}

/**
 * Pool of pg connections as kysely wants it, whose errors are this program's.
 * @throws (from connect) ExternalError db-unreachable, db-auth-failed, db-not-found, …
 */
export function createPostgresPool(options: PoolOptions): ListeningPool {
  return new ReloadingPool(options);
}

/** The pool in use, and where it leads. */
interface OpenPool {
  readonly pool: pg.Pool;
  readonly endpoint: Endpoint;
}

/**
 * A pool that finds out by its first connection which of the servers will do, and which way of using TLS works; and again
 * when the password has changed, or another of several servers has taken over.
 */
class ReloadingPool implements ListeningPool {
  /** What kysely would open a connection of its own with, to cancel a query; no query here can be cancelled. */
  readonly options = {};
  readonly #settings: PoolOptions;
  /** What kysely holds for each connection: it recognises one that it has set up before by its identity. */
  readonly #wrappers = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  /** Pools that are no longer used, on their way to the end. */
  readonly #ended: Promise<void>[] = [];
  /** What the user was told of; each is told once. */
  readonly #told = new Set<string>();
  #url: PostgresUrl;
  /** undefined until a first connection has been made. */
  #open: OpenPool | undefined;

  constructor(settings: PoolOptions) {
    this.#settings = settings;
    this.#url = settings.url;
  }

  readonly listen: Listen = async (channel, listener) => {
    const client = await this.#connectAnyhow();
    return await listenOn(client, channel, { ...listener, endpoint: this.#open?.endpoint });
  };

  async connect(): Promise<PostgresPoolClient> {
    const client = await this.#connectAnyhow();
    const wrapper = this.#wrappers.get(client) ?? this.#wrap(client);
    this.#wrappers.set(client, wrapper);
    return wrapper;
  }

  async end(): Promise<void> {
    if (this.#open !== undefined) this.#ended.push(this.#open.pool.end());
    await Promise.all(this.#ended);
  }

  #connectAnyhow(): Promise<pg.PoolClient> {
    return this.#connect().catch((error: unknown) => this.#connectWithNewPassword(error));
  }

  async #connect(): Promise<pg.PoolClient> {
    const open = this.#open;
    if (open === undefined) return this.#connectFirst();
    try {
      return await open.pool.connect();
    } catch (error) {
      const isFull = open.pool.totalCount >= MAX_CONNECTIONS;
      if (isFull || this.#servers().length === 1 || !mayTryNextServer(error))
        throw translateConnectError(error, open.endpoint);
      // Another of the servers may have become the one to use.
      this.#leavePool(open);
      return this.#open === undefined ? this.#connectFirst() : this.#connect();
    }
  }

  /**
   * Tries the servers of the URL, one after another, until one is reached that will do; its pool stays.
   * @throws ExternalError with a line for each of them
   */
  async #connectFirst(): Promise<pg.PoolClient> {
    const failures: ConnectFailure[] = [];
    const servers = this.#url.isOrderRandom ? shuffle(this.#servers()) : this.#servers();
    for (const wanted of roundsOf(this.#url.targetSession)) {
      for (const { endpoint, attempts } of servers) {
        try {
          const { client, pool } = await this.#connectServer(attempts, wanted);
          // Two may have found out at once.
          this.#leavePool(this.#open);
          this.#open = { pool, endpoint };
          return client;
        } catch (error) {
          failures.push({ error, endpoint });
          if (!mayTryNextServer(error)) throw translateConnectErrors(failures);
        }
      }
    }
    throw translateConnectErrors(failures);
  }

  /** Tries the ways that the sslmode allows, one after another. */
  async #connectServer(
    attempts: readonly string[],
    wanted: WantedSession,
  ): Promise<{ readonly client: pg.PoolClient; readonly pool: pg.Pool }> {
    let failure: unknown;
    for (const connectionString of attempts) {
      const pool = this.#openPool(connectionString, wanted);
      try {
        return { client: await pool.connect(), pool };
      } catch (error) {
        this.#ended.push(pool.end());
        if (!mayTryOtherSslMode(error)) throw error;
        // Of two, the server's own word tells more than that it has no TLS.
        if (failure === undefined || sqlStateOf(error) !== undefined) failure = error;
      }
    }
    throw failure;
  }

  /** @throws the error itself unless it is about the password, and there is another one now */
  async #connectWithNewPassword(error: unknown): Promise<pg.PoolClient> {
    const fresh = isAuthenticationFailure(error) ? await this.#settings.reloadUrl?.() : undefined;
    if (fresh?.kind !== 'postgres' || fresh.attempts[0] === this.#url.attempts[0]) throw error;
    this.#leavePool(this.#open);
    this.#url = fresh;
    return this.#connectFirst();
  }

  /** The URL's servers, each with its ways. */
  #servers(): readonly Server[] {
    const servers = new Map<string, Server & { readonly attempts: string[] }>();
    for (const attempt of this.#url.attempts) {
      const endpoint = endpointOf(attempt);
      const name = `${endpoint.host} ${endpoint.port}`;
      const server = servers.get(name) ?? { endpoint, attempts: [] };
      server.attempts.push(attempt);
      servers.set(name, server);
    }
    return [...servers.values()];
  }

  #openPool(connectionString: string, wanted: WantedSession): pg.Pool {
    const { connectTimeoutMs, statementTimeoutMs } = this.#settings;
    const url = this.#url;
    const pool = new pg.Pool({
      connectionString,
      Client: guardedClient({
        ...url,
        onRemote: host => this.#warnOfStranger(host),
        findPassword: place => this.#findPassword(place),
      }),
      enableChannelBinding: url.requiresChannelBinding,
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: url.connectTimeoutMs ?? connectTimeoutMs,
      ...(statementTimeoutMs > 0 && { query_timeout: statementTimeoutMs + ANSWER_GRACE_MS }),
      fallback_application_name: 'stakewise-operator',
      keepAlive: true,
      types: { getTypeParser: typeParserOf },
      verify: (client, done) => void requireSession(client, wanted).then(() => done(), done),
    });
    // Without listeners a connection that breaks while nobody waits on it would end the process.
    pool.on('error', () => undefined);
    pool.on('connect', client => client.on('error', () => undefined));
    return pool;
  }

  /** Lets a pool end by itself, unless it was left already, so that the next connection is a first one. */
  #leavePool(open: OpenPool | undefined): void {
    if (open === undefined || this.#open !== open) return;
    this.#ended.push(open.pool.end());
    this.#open = undefined;
  }

  #wrap(client: pg.PoolClient): PostgresPoolClient {
    const open = this.#open;
    return wrapClient(client, {
      endpoint: open?.endpoint ?? endpointOf(this.#url.attempts[0]),
      statementTimeoutMs: this.#settings.statementTimeoutMs,
      // A primary server that has become a standby without a word: another one is the primary now.
      onReadOnly: () => this.#leavePool(open),
    });
  }

  async #findPassword(place: PasswordPlace): Promise<string> {
    const path = this.#url.passwordFile ?? ownPasswordFile();
    const password = await findPassword(path, place, line => this.#warnOnce(line));
    if (password === undefined) throw new NoPasswordError();
    return password;
  }

  #warnOfStranger(host: string): void {
    const { sslMode, requiresChannelBinding } = this.#url;
    if (sslMode === 'verify-full' || requiresChannelBinding) return;
    this.#warnOnce(
      `The database at ${host} is reached with sslmode=${sslMode}: whoever is on the way can pass for it, read and change what goes to and fro. Use sslmode=verify-full in --db-url.`,
    );
  }

  #warnOnce(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.#settings.warn?.(line);
  }
}

/** One of the servers that a URL names. */
interface Server {
  readonly endpoint: Endpoint;
  /** Connection strings for pg: the ways that the sslmode allows. */
  readonly attempts: readonly string[];
}

/** The servers in an order that is another one each time, for `load_balance_hosts=random`. */
function shuffle(servers: readonly Server[]): readonly Server[] {
  const drawn = servers.map(server => ({ server, place: randomInt(2 ** 32) }));
  return drawn.sort((a, b) => a.place - b.place).map(({ server }) => server);
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

// bytea as plain bytes of their own (pg's are parts of a shared pool), whole numbers as bigint: the same as from PGlite.
function typeParserOf(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === BYTEA && format !== 'binary') return parseBytea;
  if ((oid === BIGINT || oid === NUMERIC) && format !== 'binary') return BigInt;
  return pg.types.getTypeParser(oid, format === 'binary' ? 'text' : format);
}

function parseBytea(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), 'hex');
  // A long one, such as a page of rows, has its memory to itself already.
  return bytes.length === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}
