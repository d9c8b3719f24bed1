import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';

/**
 * An empty database of the demo's own. What an operator keeps of one devnet would not fit the next, whose chain and addresses
 * have the same names.
 * @param sibling - a database on the same server; without it the one that REMOTE_DB_URL names, or one that is started
 */
export async function openDemoDatabase(
  sibling?: string,
): Promise<{ readonly url: string } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const server = sibling || process.env.REMOTE_DB_URL || stack.use(await startPostgresServer()).url;
  const name = `stakewise_demo_${process.pid}_${randomBytes(4).toString('hex')}`;
  await runStatement(server, `create database ${name}`);
  stack.defer(() => runStatement(server, `drop database if exists ${name} with (force)`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  const open = stack.move();
  return { url: url.href, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

async function runStatement(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
