import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server of this run, and the database that holds the migrated schema. */
    postgres: { url: string; template: string };
  }
}

export interface TestDatabase extends AsyncDisposable {
  /** The value for `--db-url`; its role owns the database. */
  readonly url: string;
  readonly name: string;
}

/**
 * A database of its own on the run's server, dropped when it is disposed, connections and all.
 * @param options.migrated - false for an empty one
 */
export async function createTestDatabase(options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const { url, template } = inject('postgres');
  const name = `stakewise_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await copyDatabase(url, name, options.migrated === false ? 'template1' : template);
  return { url: databaseUrl(url, name), name, [Symbol.asyncDispose]: () => dropDatabase(url, name) };
}

/** Makes a database with all that another one holds. To copy its files takes the server a third of what logging them does. */
export async function copyDatabase(serverUrl: string, name: string, template: string): Promise<void> {
  await runSql(serverUrl, `create database ${name} template ${template} strategy file_copy`);
}

/** The same server and role, another database. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** The same server and database, another role. */
export function roleUrl(url: string, role: string, password: string): string {
  const changed = new URL(url);
  changed.username = role;
  changed.password = password;
  return changed.href;
}

export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await runSql(serverUrl, `drop database if exists ${name} with (force)`);
}

/** Runs one statement past the code under test, and gives its rows. */
export async function runSql(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // A database that is dropped ends its connections.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text, [...values]);
    return rows;
  } finally {
    await client.end();
  }
}
