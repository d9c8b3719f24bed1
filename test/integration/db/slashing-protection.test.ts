import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/db/database.ts';
import { listDisabledValidators } from '../../../src/db/slashing-protection.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { createTestDatabase, roleUrl, runSql } from '../../support/postgres/postgres.ts';
import { createSlashingProtection, registerValidators } from '../../support/postgres/slashing-protection.ts';
import { dumpDatabase } from '../../support/postgres/snapshot.ts';

const key = (seed: number) => new Uint8Array(48).fill(seed);

async function readDisabled(url: string): Promise<string[]> {
  await using database = await openDatabase({ url });
  return [...(await listDisabledValidators(database))].map(toHex);
}

describe('the slashing protection database of Web3Signer', () => {
  it.each([
    ['public', 12],
    ['public', 10],
    ['web3signer', 12],
  ])(
    'listDisabledValidators finds the disabled ones of schema %s, version %i, and writes nothing',
    async (schema, version) => {
      await using database = await createTestDatabase({ migrated: false });
      await createSlashingProtection(database.url, { schema, version });
      expect(await readDisabled(database.url)).toEqual([]);
      await registerValidators(database.url, {
        schema,
        enabled: [key(1), key(2)],
        disabled: [key(4), key(3)],
      });
      const before = await dumpDatabase(database.url);
      expect(await readDisabled(database.url)).toEqual([toHex(key(3)), toHex(key(4))]);
      expect(await dumpDatabase(database.url)).toEqual(before);
    },
  );

  it.each([
    ['is empty', async () => undefined],
    [
      'is of a version before validators could be disabled',
      (url: string) => createSlashingProtection(url, { version: 9 }),
    ],
    [
      'is another program’s, with a table of that name',
      async (url: string) => {
        await runSql(url, 'create table validators (public_key text, enabled boolean)');
      },
    ],
  ])('listDisabledValidators refuses a database that %s', async (_, prepare) => {
    await using database = await createTestDatabase({ migrated: false });
    await prepare(database.url);
    await expect(readDisabled(database.url)).rejects.toMatchObject({
      code: 'slashing-db-other',
      exitCode: 1,
    });
  });

  it('listDisabledValidators works with a role that may read one table, and says what a lesser one lacks', async () => {
    await using database = await createTestDatabase({ migrated: false });
    await createSlashingProtection(database.url);
    await registerValidators(database.url, { enabled: [], disabled: [key(5)] });
    const role = `slashing_reader_${process.pid}`;
    await runSql(database.url, `create role ${role} login password 'reader'`);
    try {
      const url = roleUrl(database.url, role, 'reader');
      await expect(readDisabled(url)).rejects.toMatchObject({
        code: 'db-permission-denied',
        hint: expect.stringContaining('GRANT SELECT ON public.validators'),
      });
      await runSql(database.url, `grant select on validators to ${role}`);
      expect(await readDisabled(url)).toEqual([toHex(key(5))]);
    } finally {
      await runSql(database.url, `drop owned by ${role}`);
      await runSql(database.url, `drop role ${role}`);
    }
  });
});
