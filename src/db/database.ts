import { Kysely, PGliteDialect, PostgresDialect, type RawBuilder, sql, type Transaction } from 'kysely';
import { retry } from '../lib/retry.ts';
import { type ConnectionDefaults, type DatabaseUrl, parseDatabaseUrl } from './database-url.ts';
import { isLostConnection } from './errors.ts';
import type { Listen } from './notifications.ts';
import { openPglite } from './pglite.ts';
import { createPostgresPool } from './postgres-pool.ts';
import { DEFAULT_SCHEMA, type Schema, type TableName } from './schema.ts';
import { waitForServer } from './wait-for-server.ts';

/** What the functions of this folder work on: a database, or one transaction of it. */
export interface Session {
  readonly db: Kysely<Schema>;
  readonly kind: 'postgres' | 'pglite';
  /** Postgres schema that holds the tables. */
  readonly schema: string;
}

/** An open database. Nothing else in the program knows SQL or a driver. */
export interface Database extends Session, AsyncDisposable {
  close(): Promise<void>;
  /** Hears what is told on a channel, over a connection of its own; undefined for an embedded database, which nobody else opens. */
  readonly listen?: Listen | undefined;
}

export interface DatabaseOptions {
  /** `postgresql://…`, libpq's keywords and values, or `pglite:PATH`. */
  readonly url: string;
  /** What stands in for parameters that the URL leaves out. */
  readonly defaults?: ConnectionDefaults | undefined;
  readonly schema?: string | undefined;
  /** How long one statement may take; 0 for no limit. Default 2 minutes. */
  readonly statementTimeoutMs?: number | undefined;
  /** Default 10 s; the URL's connect_timeout comes first. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a Postgres server that does not accept connections yet is waited for; not at all when left out. */
  readonly waitMs?: number | undefined;
  /** Ends that waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Reads the URL again when the server refuses the password: a file that is replaced when passwords rotate. */
  readonly reloadUrl?: (() => Promise<string>) | undefined;
  /**
   * Told once when a server beyond this machine is reached without proof that it is the right one, and when the embedded
   * database takes longer to open because another process' lock has to be watched; and of what is waited for.
   */
  readonly warn?: ((line: string) => void) | undefined;
}

const STATEMENT_TIMEOUT_MS = 120_000;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Connects to the database and checks that it answers. It is not migrated or otherwise changed; see `migrator.ts`.
 * @throws UsageError 'invalid-db-url', 'invalid-db-schema'; ExternalError db-unreachable, db-auth-failed, db-not-found;
 * OperatorError 'db-in-use' when another process has the embedded database open
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const url = parseDatabaseUrl(options.url, options.defaults);
  const { waitMs = 0, signal, warn } = options;
  if (url.kind === 'pglite' || waitMs <= 0) return connectDatabase(url, options);
  return waitForServer(attemptMs => connectDatabase(shortenAttempt(url, options, attemptMs), options), {
    waitMs,
    signal,
    tell: line => warn?.(line),
  });
}

/** The same server, for which an attempt may not take longer than the time that is left. */
function shortenAttempt(
  url: Extract<DatabaseUrl, { kind: 'postgres' }>,
  { connectTimeoutMs = CONNECT_TIMEOUT_MS }: DatabaseOptions,
  attemptMs: number,
): Extract<DatabaseUrl, { kind: 'postgres' }> {
  const usualMs = url.connectTimeoutMs ?? connectTimeoutMs;
  return { ...url, connectTimeoutMs: Math.ceil(Math.min(usualMs, attemptMs)) };
}

async function connectDatabase(url: DatabaseUrl, options: DatabaseOptions): Promise<Database> {
  const schema = options.schema ?? DEFAULT_SCHEMA;
  const { dialect, listen } =
    url.kind === 'pglite'
      ? { dialect: await pgliteDialect(url, options), listen: undefined }
      : openPostgres(url, options);
  const root = new Kysely<Schema>({ dialect });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= root.destroy();
    return closing;
  };
  try {
    await sql`select 1`.execute(root);
  } catch (error) {
    await close();
    throw error;
  }
  const db = root.withSchema(schema);
  return { db, kind: url.kind, schema, close, listen, [Symbol.asyncDispose]: close };
}

async function pgliteDialect(
  url: Extract<DatabaseUrl, { kind: 'pglite' }>,
  { warn }: DatabaseOptions,
): Promise<PGliteDialect> {
  return new PGliteDialect({ pglite: await openPglite(url.path, { onWatch: warn }) });
}

function openPostgres(
  url: Extract<DatabaseUrl, { kind: 'postgres' }>,
  options: DatabaseOptions,
): { readonly dialect: PostgresDialect; readonly listen: Listen } {
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const { reloadUrl, defaults, warn } = options;
  const reload = reloadUrl && (async () => parseDatabaseUrl(await reloadUrl(), defaults));
  const pool = createPostgresPool({ url, reloadUrl: reload, connectTimeoutMs, statementTimeoutMs, warn });
  return { dialect: new PostgresDialect({ pool }), listen: pool.listen };
}

/** Version of the server, such as `PostgreSQL 16.4`. */
export async function readServerVersion({ db, kind }: Session): Promise<string> {
  const { rows } = await sql<{
    version: string;
  }>`select current_setting('server_version') as version`.execute(db);
  const version = rows[0]?.version ?? 'of an unknown version';
  return kind === 'pglite' ? `PGlite ${version}` : `PostgreSQL ${version}`;
}

/** The table's qualified name, for statements written as text. */
export function tableOf(session: Session, name: TableName): RawBuilder<unknown> {
  return sql.id(session.schema, name);
}

/**
 * Runs the callback in one transaction, or in the one that the session already is. Nothing but the callback's session may
 * be used inside: PGlite has one connection, and would wait for itself.
 */
export function inTransaction<T>(
  session: Session,
  callback: (transaction: Session) => Promise<T>,
): Promise<T> {
  if (session.db.isTransaction) return callback(session);
  return session.db.transaction().execute(db => callback(within(session, db)));
}

/**
 * Runs the callback on one unchanging state of the database (repeatable read, read only), whatever others commit meanwhile.
 * Nothing but the callback's session may be used inside.
 */
export function inSnapshot<T>(database: Session, callback: (snapshot: Session) => Promise<T>): Promise<T> {
  return database.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(db => callback(within(database, db)));
}

/**
 * Repeats a step whose connection was lost (a server restarted, a network that flickered), five times within half a
 * minute. Only for steps that may be done twice.
 */
export function retryLostConnection<T>(session: Session, step: () => Promise<T>): Promise<T> {
  // Inside a transaction it is the transaction that is lost.
  if (session.db.isTransaction) return step();
  return retry(step, { timeoutMs: 30_000, retries: 5, isRetryable: isLostConnection });
}

function within(session: Session, db: Transaction<Schema>): Session {
  return { db, kind: session.kind, schema: session.schema };
}
