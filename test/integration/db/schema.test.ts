import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/db/database.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import { dumpSchema } from '../../support/postgres/dump-schema.ts';
import { createPgliteUrl } from '../../support/postgres/pglite.ts';
import { createTestDatabase, runSql } from '../../support/postgres/postgres.ts';

const SCHEMA = 'stakewise_operator';

describe('the schema that all migrations make', () => {
  // After a new migration: npx vitest run -u test/integration/db/schema.test.ts
  it('is on Postgres what migrations/schema.sql shows to a reader', async () => {
    await using database = await createTestDatabase();
    const text = await dumpSchema(query => runSql(database.url, query), SCHEMA);
    expect(text).toContain('create table keypairs (');
    await expect(text).toMatchFileSnapshot('../../../migrations/schema.sql');
  });

  it('is on PGlite the same to the letter', async () => {
    await using place = await createPgliteUrl();
    await using database = await openDatabase({ url: place.url });
    await migrateDatabase(database, { programVersion: '1.0.0' });
    const run = async (query: string) =>
      (await sql.raw<Record<string, unknown>>(query).execute(database.db)).rows;
    await expect(await dumpSchema(run, SCHEMA)).toMatchFileSnapshot('../../../migrations/schema.sql');
  });
});
