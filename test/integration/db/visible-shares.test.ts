import { type RawBuilder, sql } from 'kysely';
import { expect } from 'vitest';
import { inSnapshot, openDatabase, tableOf } from '../../../src/db/database.ts';
import { listVisibleShares } from '../../../src/db/key-shares.ts';
import { insertKeypairs } from '../../../src/db/keypairs.ts';
import { insertOracleSet } from '../../../src/db/oracle-sets.ts';
import { it } from '../../support/postgres/fixtures.ts';
import { newKeypairs, newOracleSet, storeVault } from '../../support/scenes/stored-keys.ts';

const VALIDATORS = 4_000;
const SHARES = 4;

it('visible shares are found at once in tables that were emptied, counted so and filled again', async ({
  migrated,
}) => {
  await using database = await openDatabase({ url: migrated.url });
  const { vaultId, dataKeyId } = await storeVault(database);
  const set = newOracleSet(SHARES);
  await insertOracleSet(database, vaultId, set);
  const insert = () =>
    insertKeypairs(database, {
      vaultId,
      dataKeyId,
      oracleSetHash: set.hash,
      keypairs: newKeypairs(VALIDATORS, SHARES),
    });
  const tables = (['key_shares', 'key_secrets', 'keypairs'] as const).map(name => tableOf(database, name));
  const each = async (statement: (table: RawBuilder<unknown>) => RawBuilder<unknown>) => {
    for (const table of tables) await statement(table).execute(database.db);
  };
  // The server counts by itself, when it comes to it: here only when it is told to.
  await each(table => sql`alter table ${table} set (autovacuum_enabled = false)`);
  await insert();
  await each(table => sql`delete from ${table}`);
  await each(table => sql`analyze ${table}`);
  await insert();
  const visible = await inSnapshot(database, async session => {
    // Each share compared with each validator takes longer, on any machine; a hash join a hundredth of it.
    await sql`set local statement_timeout = '2s'`.execute(session.db);
    return listVisibleShares(session, vaultId);
  });
  expect(visible).toEqual([]);
});
