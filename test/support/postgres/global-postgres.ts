import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../../src/db/database.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import { databaseUrl, dropDatabase, runSql } from './postgres.ts';
import { startPostgresServer } from './postgres-server.ts';

/** A server with a migrated template, and how many projects still use it. */
interface SharedServer {
  readonly opened: Promise<OpenServer>;
  users: number;
}

interface OpenServer {
  readonly url: string;
  readonly template: string;
  readonly close: () => Promise<void>;
}

// Each project of vitest has its own copy of this module: what they share lies outside of all of them.
const SHARED = Symbol.for('stakewise-operator.test-postgres');
const shared = globalThis as { [SHARED]?: SharedServer | undefined };

/** One Postgres server per vitest run, with a migrated template that each test file's database is a clone of. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const own = shared[SHARED] ?? { opened: open(), users: 0 };
  shared[SHARED] = own;
  own.users += 1;
  const { url, template, close } = await own.opened;
  project.provide('postgres', { url, template });
  return async () => {
    own.users -= 1;
    if (own.users > 0) return;
    shared[SHARED] = undefined;
    await close();
  };
}

async function open(): Promise<OpenServer> {
  const server = await startPostgresServer({ inMemory: true });
  const template = `stakewise_template_${process.pid}_${randomBytes(3).toString('hex')}`;
  const close = async () => {
    await dropDatabase(server.url, template).finally(() => server[Symbol.asyncDispose]());
  };
  try {
    await runSql(server.url, `create database ${template}`);
    await using database = await openDatabase({ url: databaseUrl(server.url, template) });
    await migrateDatabase(database, { programVersion: '1.0.0' });
  } catch (error) {
    await close();
    throw error;
  }
  return { url: server.url, template, close };
}
