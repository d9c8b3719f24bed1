// Keystores go through threads and into the database in batches that overlap: whatever fails, what was under way ends, and
// the batches before it are there, whole.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../../src/db/database.ts';
import { countVaultRows } from '../../../../src/db/delete-vault.ts';
import { deriveSecretKey } from '../../../../src/domain/keys/derivation.ts';
import { type KeystoreFacts, listKeystores } from '../../../../src/services/local-keys/keystore-list.ts';
import type { StoreTarget } from '../../../../src/services/remote-db/batch-writer.ts';
import { keystoreJobs } from '../../../../src/services/remote-db/keystore-source.ts';
import { KnownRows } from '../../../../src/services/remote-db/known-rows.ts';
import { storeKeys } from '../../../../src/services/remote-db/store-keypairs.ts';
import { unlockVault } from '../../../../src/services/remote-db/unlock-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../../src/workers/pool.ts';
import { BOTH_DATABASES } from '../../../support/postgres/both-databases.ts';
import { createTestDatabase } from '../../../support/postgres/postgres.ts';
import { temporaryDirectory } from '../../../support/programs/cli.ts';
import {
  inventOracleSet,
  RECORDED_ENCRYPT_KEY,
  recordedRef,
  setupRecorded,
  writeKeystores,
} from '../../../support/recorded/recorded-vault.ts';

/** Keystores of one job and of one batch, as they are cut. */
const JOB = 64;
const BATCH = 512;
const COUNT = BATCH + 70;
const VAULT_ID = 1;
const folder = temporaryDirectory();
const keystoresDir = join(folder.path, 'keys');
const bar = { advance: () => undefined, finish: () => undefined };
let pool: WorkerPool;
let unhandled = 0;
const count = () => {
  unhandled += 1;
};

beforeAll(() => {
  process.on('unhandledRejection', count);
  pool = createWorkerPool({ size: 2 });
  const seed = new Uint8Array(32).fill(9);
  writeKeystores(
    keystoresDir,
    Array.from({ length: COUNT }, (_, i) => deriveSecretKey(seed, i)),
  );
});
afterAll(async () => {
  process.off('unhandledRejection', count);
  await pool[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function keystoresOf(number: number) {
  const list = await listKeystores(
    { keystoresDir, passwordFiles: [join(keystoresDir, 'password.txt')] },
    () => undefined,
  );
  return Array.from({ length: number }, (_, place) => list.fileAt(place));
}

function storeKeystores(
  deps: { readonly database: Database; readonly pool: WorkerPool },
  target: StoreTarget,
  keystores: readonly KeystoreFacts[],
): Promise<number> {
  return storeKeys(deps, target, keystoreJobs(keystores), bar);
}

async function targetIn(database: Database): Promise<StoreTarget> {
  const unlocked = await unlockVault(database, recordedRef, RECORDED_ENCRYPT_KEY);
  return { unlocked, oracleSet: inventOracleSet(3, 2), known: new KnownRows() };
}

describe.each(BOTH_DATABASES)('storeKeys on $kind', ({ createUrl }) => {
  async function open() {
    await using resources = new AsyncDisposableStack();
    const { url } = resources.use(await createUrl());
    const database = resources.use(await openDatabase({ url }));
    await setupRecorded(database);
    const owned = resources.move();
    return { database, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  it.each([1, JOB - 1, JOB, JOB + 1, BATCH, BATCH + 1, COUNT])(
    'storeKeys stores %i keystores with all their shares',
    async number => {
      await using vault = await open();
      const target = await targetIn(vault.database);
      expect(
        await storeKeystores({ database: vault.database, pool }, target, await keystoresOf(number)),
      ).toBe(number);
      expect(await countVaultRows(vault.database, VAULT_ID)).toMatchObject({
        validators: number,
        shares: 3 * number,
        secrets: 4 * number,
        oracleSets: 1,
      });
      // All of them are there: the second time none is stored.
      const again = storeKeystores({ database: vault.database, pool }, target, await keystoresOf(number));
      expect(await again).toBe(0);
    },
  );

  it.each([
    ['first', 0, 0],
    ['last of the first batch', BATCH - 1, 0],
    ['first of the second batch', BATCH, BATCH],
    ['last', COUNT - 1, BATCH],
  ] as const)(
    'storeKeys stops at the %s keystore with a wrong password, which it names; whole batches before it stay',
    async (_, place, kept) => {
      await using vault = await open();
      const target = await targetIn(vault.database);
      const keystores = await keystoresOf(COUNT);
      const wrong = { ...keystores[place], password: 'another' } as (typeof keystores)[number];
      const stored = storeKeystores({ database: vault.database, pool }, target, keystores.with(place, wrong));
      await expect(stored).rejects.toMatchObject({
        code: 'keystore-wrong-password',
        message: expect.stringContaining(wrong.path),
      });
      expect(await countVaultRows(vault.database, VAULT_ID)).toMatchObject({
        validators: kept,
        shares: 3 * kept,
        oracleSets: kept === 0 ? 0 : 1,
      });
    },
  );

  it('storeKeys stops when a batch cannot be stored, after what was under way has ended', async () => {
    await using vault = await open();
    const target = await targetIn(vault.database);
    // No row may refer to a data key that is not there.
    const foreign = { ...target.unlocked, vault: { ...target.unlocked.vault, dataKeyId: 77 } };
    let running = 0;
    const watched: WorkerPool = {
      ...pool,
      sealKeystores: async (input, memoryBytes) => {
        running += 1;
        return await pool.sealKeystores(input, memoryBytes).finally(() => {
          running -= 1;
        });
      },
    };
    const stored = storeKeystores(
      { database: vault.database, pool: watched },
      { ...target, unlocked: foreign },
      await keystoresOf(COUNT),
    );
    await expect(stored).rejects.toThrow(/foreign key|violates/);
    expect(running).toBe(0);
    expect((await countVaultRows(vault.database, VAULT_ID)).validators).toBe(0);
    await setTimeout(20);
    expect(unhandled).toBe(0);
  });
});

it('storeKeys refuses a keystore that names another key than when it was read first', async () => {
  await using url = await createTestDatabase({ migrated: false });
  await using database = await openDatabase({ url: url.url });
  await setupRecorded(database);
  const target = await targetIn(database);
  const [first, second] = await keystoresOf(2);
  if (first === undefined || second === undefined) throw new Error('no keystores');
  const moved = join(folder.path, 'moved.json');
  writeFileSync(moved, readFileSync(second.path));
  const stored = storeKeystores({ database, pool }, target, [{ ...first, path: moved }]);
  await expect(stored).rejects.toMatchObject({
    code: 'keystore-changed',
    message: expect.stringContaining(moved),
  });
});
