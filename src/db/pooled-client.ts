import type { PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';
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
 * would run under what was set; as parameters of the start poolers refuse them.
 */
export function wrapClient(client: pg.PoolClient, options: PooledClientOptions): PostgresPoolClient {
  const settings = settingsOf(options);
  let isUnusable = false;

  async function begin(sql: string): Promise<unknown> {
    // Several statements in one message are answered by a list.
    const [begun] = [await client.query(`${sql}; ${settings}`)].flat();
    return begun;
  }

  function run(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    if (BEGINS.test(sql)) return begin(sql);
    const isWithin = client.getTransactionStatus() !== 'I';
    return isWithin ? client.query(sql, [...parameters]) : runUnder(client, settings, { sql, parameters });
  }

  async function query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      return (await run(sql, parameters)) as PostgresQueryResult<R>;
    } catch (error) {
      // The answer may still come, and would be taken for that of the next statement.
      if (sqlStateOf(error) === undefined) isUnusable = true;
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
 * Runs a statement that stands alone. Settings and statement are one message to the server, which makes one transaction of all
 * that comes before the end of it (`Sync`): it is over without another word from here, as the statement alone would be. Between
 * `begin` and `commit` a process that is held up would keep its locks, and with them others from taking over.
 */
function runUnder(
  client: pg.PoolClient,
  settings: string,
  { sql, parameters }: { readonly sql: string; readonly parameters: readonly unknown[] },
): Promise<unknown> {
  const config = { text: sql, values: [...parameters], queryMode: 'extended' };
  const query = new pg.Query(config);
  const submit = query.submit.bind(query);
  query.submit = connection => {
    connection.stream.cork();
    try {
      connection.parse({ name: '', text: settings, types: [] }, true);
      connection.bind({}, true);
      connection.describe({ type: 'P', name: '' }, true);
      connection.execute(null, true);
      return submit(connection);
    } finally {
      connection.stream.uncork();
    }
  };
  return new Promise((resolve, reject) => {
    // Two statements are answered by a list.
    const callback = (error: unknown, results: unknown) =>
      error ? reject(error) : resolve([results].flat().at(-1));
    Object.assign(query, { callback });
    client.query(query);
  });
}

/**
 * The statement that sets them for its transaction, however that has begun. The search path leaves out "public", where up to
 * Postgres 14 every role may make functions: one that fits better than the system's own would run with the rights of this role.
 */
function settingsOf({ statementTimeoutMs }: PooledClientOptions): string {
  return `select pg_catalog.set_config('statement_timeout', '${Math.trunc(statementTimeoutMs)}', true), pg_catalog.set_config('search_path', 'pg_catalog', true)`;
}
