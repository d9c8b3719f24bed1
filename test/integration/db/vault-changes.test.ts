import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it as plain } from 'vitest';
import { ChangeFeed } from '../../../src/db/change-feed.ts';
import { type Database, openDatabase } from '../../../src/db/database.ts';
import { readVaultMark } from '../../../src/db/vault-mark.ts';
import { readVault } from '../../../src/db/vaults.ts';
import { BOTH_DATABASES, openMigrated } from '../../support/postgres/both-databases.ts';
import { it } from '../../support/postgres/fixtures.ts';
import { runSql } from '../../support/postgres/postgres.ts';
import { startTransactionPooler } from '../../support/postgres/transaction-pooler.ts';
import { storeVault } from '../../support/scenes/stored-keys.ts';
import { waitUntil } from '../../support/wait-until.ts';

describe.each(BOTH_DATABASES)('the mark of a vault ($kind)', ({ createUrl }) => {
  const resources = new AsyncDisposableStack();
  let database: Database;
  beforeAll(async () => {
    database = await openMigrated(resources, createUrl);
  });
  afterAll(() => resources.disposeAsync());

  plain('a mark changes with everything that commands write files from, and with nothing else', async () => {
    const { vaultId } = await storeVault(database);
    const vault = await readVault(database, vaultId);
    if (vault === undefined) throw new Error('no vault');
    const read = async () => (await readVaultMark(database, vault))?.state;
    const table = (name: string) => sql.id(database.schema, name);
    const first = await read();
    expect(await read()).toBe(first);
    const digest = sql`decode(repeat('ab', 32), 'hex')`;
    const changes = [
      sql`update ${table('vaults')} set manifest_counter = manifest_counter + 1`,
      sql`update ${table('vaults')} set manifest_mac = ${digest}`,
      sql`update ${table('vaults')} set validators_digest = ${digest}`,
      sql`insert into ${table('assignment_plans')} (vault_id, total_clients, digest) values (${vaultId}, 2, ${digest})`,
      sql`update ${table('assignment_plans')} set total_clients = 3`,
      sql`update ${table('assignment_plans')} set digest = decode(repeat('cd', 32), 'hex')`,
      sql`insert into ${table('signing_keys')} (vault_id, data_key_id, verifying_key, nonce, ciphertext)
        select vault_id, data_key_id, ${digest}, decode(repeat('00', 12), 'hex'), decode(repeat('00', 48), 'hex') from ${table('vaults')}`,
      sql`insert into ${table('statements')} (vault_id, body, signature) values (${vaultId}, '\\x01', decode(repeat('01', 64), 'hex'))`,
      sql`update ${table('statements')} set signature = decode(repeat('02', 64), 'hex')`,
    ];
    const marks = [first];
    for (const change of changes) {
      await change.execute(database.db);
      marks.push(await read());
    }
    // The key that has signed is known by its signature.
    expect(new Set(marks).size).toBe(marks.length - 1);
    await sql`update ${table('vaults')} set deposit_data_root = ${digest}`.execute(database.db);
    expect(await read()).toBe(marks.at(-1));
    expect(await readVaultMark(database, { ...vault, network: 'elsewhere' })).toBeUndefined();
  });
});

/** What a feed hears. */
function listenTo(database: Database) {
  const heard: number[] = [];
  const seen = { lost: 0 };
  let now = 0;
  const feed = new ChangeFeed(database, {
    now: () => now,
    onChange: vaultId => heard.push(vaultId),
    onLost: () => {
      seen.lost++;
    },
  });
  return {
    feed,
    heard,
    seen,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('notifications of changes', () => {
  it('a statement that changes many vaults tells each once, at its commit, and what was rolled back is never told', async ({
    migrated,
  }) => {
    await using database = await openDatabase({ url: migrated.url });
    const { feed, heard } = listenTo(database);
    await using _feed = feed;
    await feed.listen();
    expect(feed.isListening).toBe(true);
    const [vaultId, ...others] = [
      (await storeVault(database)).vaultId,
      (await storeVault(database)).vaultId,
      (await storeVault(database)).vaultId,
    ];
    await waitUntil('the vaults to be told', () => new Set(heard).size === 3, { lastSeen: () => heard });
    heard.length = 0;
    await runSql(
      migrated.url,
      `begin; update stakewise_operator.vaults set manifest_counter = manifest_counter + 1; rollback;
       begin; update stakewise_operator.vaults set manifest_counter = manifest_counter + 1;
       update stakewise_operator.vaults set manifest_counter = manifest_counter + 1; commit`,
    );
    await waitUntil('the changes to be told', () => heard.length >= 3, { lastSeen: () => heard });
    expect(heard.toSorted()).toEqual([vaultId, ...others].toSorted());
    heard.length = 0;
    await runSql(
      migrated.url,
      `insert into stakewise_operator.assignment_plans (vault_id, total_clients, digest)
       values (${vaultId}, 1, decode(repeat('ab', 32), 'hex'))`,
    );
    await waitUntil('the plan to be told', () => heard.length === 1, { lastSeen: () => heard });
    await runSql(migrated.url, 'delete from stakewise_operator.assignment_plans');
    await waitUntil('its end to be told', () => heard.length === 2, { lastSeen: () => heard });
    expect(heard).toEqual([vaultId, vaultId]);
  });

  it('a feed whose connection is cut says so once and listens again; one that is disposed says nothing', async ({
    migrated,
  }) => {
    await using database = await openDatabase({ url: migrated.url });
    const { feed, seen, heard } = listenTo(database);
    await feed.listen();
    const cut = () =>
      runSql(
        migrated.url,
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'`,
      );
    expect(await cut()).toHaveLength(1);
    await waitUntil('the loss to be seen', () => seen.lost === 1);
    expect(feed.isListening).toBe(false);
    await feed.listen();
    expect(feed.isListening).toBe(true);
    const { vaultId } = await storeVault(database);
    await waitUntil('the vault to be told', () => heard.includes(vaultId), { lastSeen: () => heard });
    await feed[Symbol.asyncDispose]();
    expect(seen.lost).toBe(1);
    await waitUntil('the connection to be closed', async () => (await cut()).length === 0);
  });

  it('a server that refuses to listen is asked again after a minute only', async ({ migrated }) => {
    await using database = await openDatabase({ url: migrated.url });
    let asked = 0;
    const refusing: Database = {
      ...database,
      listen: async () => {
        asked++;
        throw new Error('no');
      },
    };
    const { feed, pass } = listenTo(refusing);
    await expect(feed.listen()).rejects.toThrow('no');
    pass(59_999);
    await feed.listen();
    expect(asked).toBe(1);
    pass(1);
    await expect(feed.listen()).rejects.toThrow('no');
    expect(asked).toBe(2);
  });

  it('a pooler of transactions takes the wish to listen, and the database goes on to be asked through it', async ({
    migrated,
  }) => {
    await using pooler = await startTransactionPooler(migrated.url);
    await using database = await openDatabase({ url: pooler.url });
    const { feed } = listenTo(database);
    await using _feed = feed;
    await feed.listen();
    const { vaultId } = await storeVault(database);
    const vault = await readVault(database, vaultId);
    expect(vault && (await readVaultMark(database, vault))?.vaultId).toBe(vaultId);
  });
});
