import { sql } from 'kysely';
import type { Session } from './database.ts';

/** What a server says of itself and of the role that has logged in. */
export interface ServerFacts {
  /** Such as 160004. */
  readonly version: number;
  readonly role: string;
  readonly isSuperuser: boolean;
  /** Whether this connection is encrypted; undefined of the embedded database. */
  readonly isEncrypted: boolean | undefined;
  /** Whether the server is a standby, which takes no changes. */
  readonly isStandby: boolean;
  /** Whether the role may read sealed keys, and store validators. */
  readonly mayReadSecrets: boolean;
  readonly mayStoreKeys: boolean;
}

/** Reads what the server says; every role may ask. */
export async function readServerFacts(session: Session): Promise<ServerFacts> {
  const may = (table: 'key_secrets' | 'keypairs', right: 'SELECT' | 'INSERT') =>
    sql<boolean>`has_any_column_privilege(${tableOid(session, table)}, ${right})`;
  const { rows } = await sql<ServerFacts>`select
      current_setting('server_version_num')::int as version,
      current_user::text as role,
      (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as "isSuperuser",
      pg_catalog.pg_is_in_recovery() as "isStandby",
      ${may('key_secrets', 'SELECT')} as "mayReadSecrets",
      ${may('keypairs', 'INSERT')} as "mayStoreKeys"`.execute(session.db);
  const [facts] = rows;
  if (facts === undefined) throw new Error('a query without tables gave no row');
  return { ...facts, isEncrypted: session.kind === 'pglite' ? undefined : await readEncryption(session) };
}

function tableOid(session: Session, table: 'key_secrets' | 'keypairs') {
  return sql`${`"${session.schema.replaceAll('"', '""')}".${table}`}::regclass`;
}

async function readEncryption({ db }: Session): Promise<boolean> {
  const { rows } = await sql<{ ssl: boolean }>`
    select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()`.execute(db);
  return rows[0]?.ssl ?? false;
}

/** The connection whose turn it is: a pooler that gives its sessions in turn is found by two looks in a row, one that gives the last one by others' looks. */
const TURNS = ['one', 'one', 'other', 'one', 'other', 'other'] as const;

/**
 * Whether a pooler of transactions (PgBouncer) stands between: what comes on one connection reaches one session after another, and
 * two connections reach the same one. Nothing is written. Undefined of the embedded database.
 */
export async function findsPooler({ db, kind }: Session): Promise<boolean | undefined> {
  if (kind === 'pglite') return undefined;
  return await db.connection().execute(one =>
    db.connection().execute(async other => {
      const sessions = { one: new Set<number>(), other: new Set<number>() };
      for (const turn of TURNS) sessions[turn].add(await readSession(turn === 'one' ? one : other));
      const isChanged = sessions.one.size > 1 || sessions.other.size > 1;
      return isChanged || [...sessions.one].some(pid => sessions.other.has(pid));
    }),
  );
}

async function readSession(db: Session['db']): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_catalog.pg_backend_pid() as pid`.execute(db);
  return rows[0]?.pid ?? 0;
}
