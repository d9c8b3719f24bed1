import { sql } from 'kysely';
import { describe, expect } from 'vitest';
import { openDatabase } from '../../../src/db/database.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import { dumpSchema } from '../../support/postgres/dump-schema.ts';
import { it } from '../../support/postgres/fixtures.ts';
import { runSql } from '../../support/postgres/postgres.ts';

const SCHEMA = 'stakewise_operator';

describe('the schema that all migrations make', () => {
  // After a new migration: npx vitest run -u test/integration/db/schema.test.ts
  it('the schema of all migrations is on Postgres what migrations/schema.sql shows to a reader', async ({
    migrated,
  }) => {
    const text = await dumpSchema(query => runSql(migrated.url, query), SCHEMA);
    expect(text).toContain('create table keypairs (');
    await expect(text).toMatchFileSnapshot('../../../migrations/schema.sql');
  });

  it('the schema of all migrations is on PGlite the same to the letter as on Postgres', async ({
    pglite,
  }) => {
    await using database = await openDatabase({ url: pglite.url });
    await migrateDatabase(database, { programVersion: '1.0.0' });
    const run = async (query: string) =>
      (await sql.raw<Record<string, unknown>>(query).execute(database.db)).rows;
    await expect(await dumpSchema(run, SCHEMA)).toMatchFileSnapshot('../../../migrations/schema.sql');
  });
});
