import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, tableOf } from '../../../../src/db/database.ts';
import { computeOracleSetMac } from '../../../../src/domain/keys/oracle-set-mac.ts';
import {
  type AcceptanceOf,
  openAcceptedOracleSets,
} from '../../../../src/services/oracles/accepted-oracle-sets.ts';
import { BOTH_DATABASES, openMigrated } from '../../../support/postgres/both-databases.ts';

const KEY = new Uint8Array(randomBytes(32));
const SCOPE: AcceptanceOf = {
  chainId: 31337,
  vault: `0x${'11'.repeat(20)}`,
  keeper: `0x${'22'.repeat(20)}`,
  acceptedBy: 'wallet one',
};
const SET = {
  setHash: new Uint8Array(randomBytes(32)),
  configIpfsHash: 'bafkreigh2akiscaildc',
  eventBlock: 4711,
  eventBlockHash: new Uint8Array(randomBytes(32)),
};

describe.each(BOTH_DATABASES)('accepted oracle sets in $kind', ({ createUrl }) => {
  const resources = new AsyncDisposableStack();
  let database: Database;
  let warnings: string[];

  beforeAll(async () => {
    database = await openMigrated(resources, createUrl);
  });
  afterAll(() => resources.disposeAsync());
  beforeEach(async () => {
    warnings = [];
    await sql`delete from ${tableOf(database, 'accepted_oracle_sets')}`.execute(database.db);
  });

  const open = (changes: Partial<AcceptanceOf> = {}, key = KEY) =>
    openAcceptedOracleSets(
      {
        database,
        mac: async record => computeOracleSetMac(key, record),
        warn: line => warnings.push(line),
      },
      { ...SCOPE, ...changes },
    );

  it('accepted oracle sets are remembered, the last one of each wallet', async () => {
    expect(await open().find()).toBeUndefined();
    await open().remember(SET);
    await open({ acceptedBy: 'wallet two' }).remember({ ...SET, eventBlock: 1 });
    expect(await open().find()).toEqual(SET);
    const next = { ...SET, setHash: new Uint8Array(32), eventBlock: 4712 };
    await open().remember(next);
    expect(await open().find()).toEqual(next);
    expect(await open({ acceptedBy: 'wallet two' }).find()).toMatchObject({ eventBlock: 1 });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['another set', sql`oracle_set_hash = ${Buffer.alloc(32, 1)}`],
    ['another document', sql`config_ipfs_hash = 'bafkreiother'`],
    ['another block', sql`event_block = 4712`],
    ['a block with another hash', sql`event_block_hash = ${Buffer.alloc(32, 1)}`],
    ['another MAC', sql`mac = ${Buffer.alloc(32, 1)}`],
    ['another vault', sql`vault = ${Buffer.alloc(20, 0x33)}`, { vault: `0x${'33'.repeat(20)}` }],
    ['another chain', sql`chain_id = 1`, { chainId: 1 }],
  ] as const)(
    'an accepted oracle set is not believed when its row has %s',
    async (_, change, reader: Partial<AcceptanceOf> = {}) => {
      await open().remember(SET);
      await sql`update ${tableOf(database, 'accepted_oracle_sets')} set ${change}`.execute(database.db);
      expect(await open(reader).find()).toBeUndefined();
      expect(warnings).toEqual([expect.stringContaining('is not one of wallet one: it is not believed')]);
    },
  );

  it('an accepted oracle set is not believed with another key or for another keeper', async () => {
    await open().remember(SET);
    expect(await open({}, new Uint8Array(32)).find()).toBeUndefined();
    expect(await open({ keeper: `0x${'44'.repeat(20)}` }).find()).toBeUndefined();
    expect(warnings).toHaveLength(2);
  });
});
