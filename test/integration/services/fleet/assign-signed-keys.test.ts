import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../../src/db/database.ts';
import { findSigningKey, findStatement } from '../../../../src/db/statements.ts';
import { decodeStatement } from '../../../../src/domain/fleet/statement.ts';
import { assignKeys } from '../../../../src/services/fleet/assign-keys.ts';
import {
  type AssignSignedKeysOptions,
  assignSignedKeys,
} from '../../../../src/services/fleet/assign-signed-keys.ts';
import { readSignedPlan } from '../../../../src/services/fleet/read-signed-plan.ts';
import { cleanUpVault } from '../../../../src/services/remote-db/clean-up-vault.ts';
import { setupVault } from '../../../../src/services/remote-db/setup-vault.ts';
import { verifyVault } from '../../../../src/services/remote-db/verify-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../../src/workers/pool.ts';
import { createPgliteUrl } from '../../../support/postgres/pglite.ts';
import { createTestDatabase } from '../../../support/postgres/postgres.ts';
import { temporaryDirectory } from '../../../support/programs/cli.ts';
import {
  inventOracleSet,
  RECORDED_ENCRYPT_KEY,
  recordedDepositData,
  recordedRef,
  recordedSecretKeys,
  setupRecorded,
  uploadRecorded,
  writeKeystores,
} from '../../../support/recorded/recorded-vault.ts';

const VAULT_ID = 1;
const files = temporaryDirectory();
const keystoresDir = join(files.path, 'keystores');
const fewer = join(files.path, 'fewer');
let pool: WorkerPool;
beforeAll(() => {
  pool = createWorkerPool();
  writeKeystores(keystoresDir, recordedSecretKeys(10));
  writeKeystores(fewer, recordedSecretKeys(10).slice(0, 3));
});
afterAll(async () => {
  await pool[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

/** The recorded vault, uploaded. @returns its public key */
async function fill(database: Database): Promise<Uint8Array> {
  const { verifyingKey } = await setupRecorded(database);
  const { result } = await uploadRecorded(database, pool, { keystoresDir });
  expect(result.verifyingKey).toEqual(verifyingKey);
  return result.verifyingKey;
}

const sign = (database: Database, options: Partial<AssignSignedKeysOptions> = {}) =>
  assignSignedKeys(
    { database, pool },
    {
      ref: recordedRef,
      encryptKey: RECORDED_ENCRYPT_KEY,
      totalClients: options.totalClients ?? 2,
      likeReference: options.likeReference,
      reassign: options.reassign ?? false,
      trustStored: options.trustStored ?? false,
    },
  );

async function countersOf(database: Database) {
  const signed = await findStatement(database, VAULT_ID);
  const statement = signed && decodeStatement(signed.body);
  if (statement === undefined) throw new Error('no statement');
  const { manifestCounter, planCounter, planDigest } = statement;
  return { upload: manifestCounter, plan: planCounter, hasPlan: planDigest !== null };
}

const readPlan = (database: Database, verifyingKey: Uint8Array, totalClients = 2) =>
  readSignedPlan(database, { ref: recordedRef, totalClients, verifyingKey });

const verify = (database: Database) =>
  verifyVault(
    { database, pool, progress: { start: () => ({ advance() {}, finish() {} }) } },
    { ref: recordedRef, encryptKey: RECORDED_ENCRYPT_KEY },
  );

/** Deposit data of the first keys alone. */
function firstDeposits(count: number) {
  const { path, entries } = recordedDepositData();
  return { path, entries: entries.slice(0, count) };
}

/** A plan that no program makes by itself. */
async function storeOddPlan(database: Database): Promise<void> {
  await assignKeys(database, { ref: recordedRef, totalClients: 5, reassign: false });
  await assignKeys(database, { ref: recordedRef, totalClients: 2, reassign: true });
}

describe.each([
  ['Postgres', () => createTestDatabase({ migrated: false })],
  ['PGlite', () => createPgliteUrl({ migrated: true })],
])('signed facts on %s', (_, create) => {
  it('signed facts begin with the first upload; a plan is signed with them, and goes on with uploads', async () => {
    await using place = await create();
    await using database = await openDatabase({ url: place.url });
    const { verifyingKey = new Uint8Array() } = await setupRecorded(database);
    const first = await uploadRecorded(database, pool, {
      keystoresDir: fewer,
      depositData: firstDeposits(3),
      root: null,
    });
    expect(first.result.verifyingKey).toEqual(verifyingKey);
    expect(await countersOf(database)).toEqual({ upload: 1n, plan: 0n, hasPlan: false });
    await expect(readPlan(database, verifyingKey)).rejects.toMatchObject({ code: 'plan-not-signed' });

    // The manual's first plan, stored by somebody without the key.
    await assignKeys(database, { ref: recordedRef, totalClients: 2, reassign: false });
    await expect(readPlan(database, verifyingKey)).rejects.toMatchObject({
      code: 'plan-not-signed',
      hint: expect.stringContaining('assign --encrypt-key-file'),
    });
    expect((await sign(database)).verifyingKey).toEqual(verifyingKey);
    expect(await countersOf(database)).toEqual({ upload: 1n, plan: 1n, hasPlan: true });
    expect((await readPlan(database, verifyingKey)).plan.assignments).toHaveLength(3);
    await sign(database);
    expect(await countersOf(database)).toEqual({ upload: 1n, plan: 1n, hasPlan: true });

    expect((await uploadRecorded(database, pool, { keystoresDir })).warnings.join()).not.toContain('plan');
    expect(await countersOf(database)).toEqual({ upload: 2n, plan: 2n, hasPlan: true });
    expect((await readPlan(database, verifyingKey)).plan.assignments).toHaveLength(10);
    expect(await verify(database)).toMatchObject({ verifyingKey, isPlanSigned: true, findings: [] });
    await expect(readPlan(database, verifyingKey, 3)).rejects.toMatchObject({
      code: 'keys-would-move',
      exitCode: 3,
    });
  });

  it('signed facts are made for a vault of an earlier version at its next upload or plan', async () => {
    for (const next of ['upload', 'assign'] as const) {
      await using place = await create();
      await using database = await openDatabase({ url: place.url });
      const before = await fill(database);
      await assignKeys(database, { ref: recordedRef, totalClients: 2, reassign: false });
      await database.db.deleteFrom('signing_keys').execute();
      expect(await findStatement(database, VAULT_ID)).toBeUndefined();
      expect(await verify(database)).toMatchObject({ verifyingKey: undefined, findings: [] });
      const { verifyingKey } =
        next === 'assign'
          ? await sign(database)
          : (await uploadRecorded(database, pool, { keystoresDir: fewer })).result;
      expect(verifyingKey).not.toEqual(before);
      if (next === 'upload') await sign(database);
      expect((await readPlan(database, verifyingKey)).plan.assignments).toHaveLength(10);
      expect(await verify(database)).toMatchObject({ verifyingKey, findings: [] });
    }
  });
});

describe('signed facts', () => {
  const create = () => createTestDatabase({ migrated: false });

  it('signed facts are not made of rows that do not open, or not as what they are listed as', async () => {
    await using place = await create();
    await using database = await openDatabase({ url: place.url });
    await fill(database);
    await database.db.deleteFrom('signing_keys').execute();
    // A share is listed as a validator of its own: its nonce and key are those of the manifest.
    const share = await database.db
      .selectFrom('key_shares')
      .selectAll()
      .orderBy('public_key')
      .executeTakeFirstOrThrow();
    await database.db.deleteFrom('key_shares').where('public_key', '=', share.public_key).execute();
    await database.db
      .insertInto('keypairs')
      .values({
        vault_id: VAULT_ID,
        public_key: share.public_key,
        active: true,
        shares_set_hash: share.oracle_set_hash,
      })
      .execute();
    await expect(sign(database)).rejects.toMatchObject({ code: 'row-tampered' });
    await expect(
      uploadRecorded(database, pool, { keystoresDir: fewer, oracleSet: inventOracleSet(4, 3) }),
    ).rejects.toMatchObject({ code: 'rows-not-as-written' });
    expect(await findSigningKey(database, VAULT_ID)).toBeUndefined();
  });

  it('assignSignedKeys takes in a plan that somebody chose without the key only when it is told to', async () => {
    await using place = await create();
    await using database = await openDatabase({ url: place.url });
    const verifyingKey = await fill(database);
    await storeOddPlan(database);
    await expect(sign(database)).rejects.toMatchObject({ code: 'plan-not-signed', exitCode: 3 });
    const trusted = await sign(database, { trustStored: true });
    expect(trusted).toMatchObject({ isNew: false, movedKeys: 0 });
    expect((await readPlan(database, verifyingKey)).plan).toEqual(trusted.plan);
    expect(await countersOf(database)).toMatchObject({ plan: 1n });
    // Changed again without the key, then dealt out anew by somebody who has it.
    await assignKeys(database, { ref: recordedRef, totalClients: 3, reassign: true });
    await expect(sign(database, { totalClients: 3 })).rejects.toMatchObject({ code: 'plan-not-signed' });
    const counts = async () => {
      const { plan } = await sign(database, { totalClients: 3, reassign: true });
      return [0, 1, 2].map(client => plan.assignments.filter(each => each.clientIndex === client).length);
    };
    expect(await counts()).toEqual([4, 3, 3]);
    expect(await countersOf(database)).toMatchObject({ plan: 2n, hasPlan: true });
  });

  it('signed facts that were taken away are not begun anew as if there had been none', async () => {
    await using place = await create();
    await using database = await openDatabase({ url: place.url });
    await fill(database);
    await assignKeys(database, { ref: recordedRef, totalClients: 2, reassign: false });
    await database.db.deleteFrom('statements').execute();
    expect((await verify(database)).findings).toEqual(["The vault's facts are not signed by its key."]);
    const { warnings } = await uploadRecorded(database, pool, { keystoresDir });
    expect(warnings.join()).toContain('changed without the encryption key');
    await expect(sign(database)).rejects.toMatchObject({ code: 'plan-not-signed' });
    await sign(database, { trustStored: true });
    expect(await countersOf(database)).toEqual({ upload: 2n, plan: 2n, hasPlan: true });
  });

  it('signed facts go with the vault, and another set-up has another key', async () => {
    await using place = await create();
    await using database = await openDatabase({ url: place.url });
    const verifyingKey = await fill(database);
    await sign(database);
    const known = { ref: recordedRef, programVersion: '1.0.0', ifNeeded: true };
    expect((await setupVault(database, { ...known, encryptKey: RECORDED_ENCRYPT_KEY })).verifyingKey).toEqual(
      verifyingKey,
    );
    await cleanUpVault(database, recordedRef);
    for (const table of ['statements', 'signing_keys'] as const) {
      const { rows } = await sql`select 1 from ${sql.id(database.schema, table)}`.execute(database.db);
      expect(rows).toEqual([]);
    }
    const other = await setupRecorded(database);
    expect(other.verifyingKey).not.toEqual(verifyingKey);
    // Set up again, since the first encryption key may be lost.
    const again = await setupVault(database, {
      ...known,
      ifNeeded: false,
      replaceKey: true,
      encryptKey: RECORDED_ENCRYPT_KEY,
    });
    expect(again.verifyingKey).not.toEqual(other.verifyingKey);
    await expect(sign(database)).rejects.toMatchObject({ code: 'no-keypairs' });
  });
});
