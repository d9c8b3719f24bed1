// Behind a pooler of transactions a session is nobody's own: what one client sets there, the next one gets.
import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect } from 'vitest';
import { inSnapshot, inTransaction, openDatabase } from '../../../src/db/database.ts';
import { withVaultLock } from '../../../src/db/locks.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import { listVaults } from '../../../src/db/vaults.ts';
import { it } from '../../support/postgres/fixtures.ts';
import { runSql } from '../../support/postgres/postgres.ts';
import { startTransactionPooler } from '../../support/postgres/transaction-pooler.ts';
import { storeVault } from '../../support/scenes/stored-keys.ts';

/** The settings of as many sessions behind the pooler as it has, seen by a client of another program. */
async function settingsBehind(url: string): Promise<Set<string>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const seen = new Set<string>();
  try {
    for (let i = 0; i < 16; i++) {
      const { rows } = await client.query<{ shown: string }>(
        `select current_setting('search_path') || ' ' || current_setting('statement_timeout') as shown`,
      );
      seen.add(rows[0]?.shown ?? '');
    }
  } finally {
    await client.end();
  }
  return seen;
}

describe('a database behind a pooler of transactions', () => {
  it('statements, transactions and migrations leave the sessions of others as they were', async ({
    empty,
  }) => {
    await using pooler = await startTransactionPooler(empty.url);
    const before = await settingsBehind(pooler.url);
    expect([...before]).toEqual(['"$user", public 0']);
    {
      await using one = await openDatabase({ url: pooler.url, statementTimeoutMs: 60_000 });
      await using other = await openDatabase({ url: pooler.url, statementTimeoutMs: 30_000 });
      await migrateDatabase(one, { programVersion: '1.0.0' });
      await Promise.all([storeVault(one), listVaults(other), inSnapshot(other, listVaults)]);
      await inTransaction(one, listVaults);
      await expect(sql`select 1 / 0`.execute(one.db)).rejects.toThrow();
      await expect(inTransaction(other, ({ db }) => sql`select 1 / 0`.execute(db))).rejects.toThrow();
      expect(await settingsBehind(pooler.url)).toEqual(before);
    }
    expect(await settingsBehind(pooler.url)).toEqual(before);
  });

  it('every statement runs under the settings of its own database, alone or in a transaction', async ({
    migrated,
  }) => {
    await using pooler = await startTransactionPooler(migrated.url);
    await using one = await openDatabase({ url: pooler.url, statementTimeoutMs: 60_000 });
    await using other = await openDatabase({ url: pooler.url, statementTimeoutMs: 30_000 });
    const settings = sql<{ shown: string }>`
      select current_setting('search_path') || ' ' || current_setting('statement_timeout') as shown`;
    for (const [database, shown] of [
      [one, 'pg_catalog 1min'],
      [other, 'pg_catalog 30s'],
    ] as const) {
      for (let i = 0; i < 4; i++) {
        expect((await settings.execute(database.db)).rows).toEqual([{ shown }]);
        const within = await inTransaction(database, ({ db }) => settings.execute(db));
        expect(within.rows).toEqual([{ shown }]);
        const snapshot = await inSnapshot(database, ({ db }) => settings.execute(db));
        expect(snapshot.rows).toEqual([{ shown }]);
      }
    }
  });

  it('the lock of a vault keeps others out, and is gone with its holder', async ({ migrated }) => {
    await using pooler = await startTransactionPooler(migrated.url);
    await using one = await openDatabase({ url: pooler.url });
    await using other = await openDatabase({ url: pooler.url });
    const held = await withVaultLock(one, { vaultId: 1, timeoutMs: 5_000 }, async () => {
      await listVaults(one);
      const refused = withVaultLock(other, { vaultId: 1, timeoutMs: 0 }, async () => 'both');
      await expect(refused).rejects.toMatchObject({ code: 'vault-busy' });
      return 'held';
    });
    expect(held).toBe('held');
    const locks = `select 1 from pg_locks join pg_database d on d.oid = database
      where locktype = 'advisory' and d.datname = current_database()`;
    expect(await runSql(migrated.url, locks)).toEqual([]);
    expect(await withVaultLock(other, { vaultId: 1, timeoutMs: 0 }, async () => 'held')).toBe('held');
  });

  it('a failure of what is done under the lock is told, and the lock is gone', async ({ migrated }) => {
    await using database = await openDatabase({ url: migrated.url });
    const failing = withVaultLock(database, { vaultId: 1, timeoutMs: 0 }, async () => {
      throw new RangeError('of the work');
    });
    await expect(failing).rejects.toThrow(new RangeError('of the work'));
    expect(await withVaultLock(database, { vaultId: 1, timeoutMs: 0 }, async () => 'held')).toBe('held');
  });
});
