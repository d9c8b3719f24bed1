import type { PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type pg from 'pg';
import { type Endpoint, sqlStateOf, translateQueryError } from './errors.ts';

interface PooledClientOptions {
  /** Where the connection leads, for messages. */
  readonly endpoint: Endpoint;
  /** 0 for none. */
  readonly statementTimeoutMs: number;
  /** Is told when the server has refused to write. */
  readonly onReadOnly: () => void;
}

const BEGINS = /^\s*(?:begin|start\s+transaction)\b/i;
const READ_ONLY = '25006';

/**
 * A connection of pg as kysely wants it. What a statement runs under is set for its transaction and never for the session:
 * behind a pooler of transactions (PgBouncer) the next statement may be another session's, and the next user of this one
 * would run under what was set; as parameters of the start poolers refuse them. So a statement that stands alone gets a
 * transaction of its own.
 */
export function wrapClient(client: pg.PoolClient, options: PooledClientOptions): PostgresPoolClient {
  const settings = settingsOf(options);
  let isUnusable = false;
  /** The answer may still come, and would be taken for that of the next statement. */
  const noteUnanswered = (error: unknown) => {
    if (sqlStateOf(error) === undefined) isUnusable = true;
  };

  async function begin(sql: string): Promise<unknown> {
    // Several statements in one message are answered by a list.
    const [begun] = [await client.query(`${sql}; ${settings}`)].flat();
    return begun;
  }

  async function runAlone(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    await begin('begin');
    try {
      const result = await client.query(sql, [...parameters]);
      await client.query('commit');
      return result;
    } catch (error) {
      noteUnanswered(error);
      if (!isUnusable) await client.query('rollback').catch(noteUnanswered);
      throw error;
    }
  }

  function run(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    if (BEGINS.test(sql)) return begin(sql);
    const isWithin = client.getTransactionStatus() !== 'I';
    return isWithin ? client.query(sql, [...parameters]) : runAlone(sql, parameters);
  }

  async function query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      return (await run(sql, parameters)) as PostgresQueryResult<R>;
    } catch (error) {
      noteUnanswered(error);
      if (sqlStateOf(error) === READ_ONLY) {
        isUnusable = true;
        options.onReadOnly();
      }
      throw translateQueryError(error, options.endpoint);
    }
  }

  return {
    query: query as PostgresPoolClient['query'],
    release: destroy => client.release(destroy === true || isUnusable),
  };
}

/**
 * The search path leaves out "public", where up to Postgres 14 every role may make functions: one that fits better than the
 * system's own would run with the rights of this role. Statements of utility, which take no snapshot.
 */
function settingsOf({ statementTimeoutMs }: PooledClientOptions): string {
  return `set local statement_timeout = ${Math.trunc(statementTimeoutMs)}; set local search_path = pg_catalog`;
}
