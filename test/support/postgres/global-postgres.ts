import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../../src/db/database.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import { databaseUrl, dropDatabase, runSql } from './postgres.ts';
import { startPostgresServer } from './postgres-server.ts';

/** One Postgres server per vitest run, with a migrated template that each test file's database is a clone of. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgresServer();
  const template = `stakewise_template_${process.pid}_${randomBytes(3).toString('hex')}`;
  const teardown = async () => {
    await dropDatabase(server.url, template).finally(() => server[Symbol.asyncDispose]());
  };
  try {
    await runSql(server.url, `create database ${template}`);
    await using database = await openDatabase({ url: databaseUrl(server.url, template) });
    await migrateDatabase(database, { programVersion: '1.0.0' });
  } catch (error) {
    await teardown();
    throw error;
  }
  project.provide('postgres', { url: server.url, template });
  return teardown;
}
