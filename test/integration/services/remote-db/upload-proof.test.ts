// What the last upload has proven is not proven again, and nothing else is taken for proven.
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase, tableOf } from '../../../../src/db/database.ts';
import type { TableName } from '../../../../src/db/schema.ts';
import { fromHex } from '../../../../src/lib/bytes.ts';
import { verifyVault } from '../../../../src/services/remote-db/verify-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../../src/workers/pool.ts';
import { BOTH_DATABASES } from '../../../support/postgres/both-databases.ts';
import { temporaryDirectory } from '../../../support/programs/cli.ts';
import {
  inventOracleSet,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  type RecordedUpload,
  recordedDepositData,
  recordedRef,
  recordedSecretKeys,
  setupRecorded,
  uploadRecorded,
  writeKeystores,
} from '../../../support/recorded/recorded-vault.ts';

const KEYS = 10;
const ROWS = KEYS * (1 + 4);
let threads: WorkerPool;
const keystores = temporaryDirectory();
const keystoresDir = join(keystores.path, 'all');

beforeAll(() => {
  threads = createWorkerPool({ size: 2 });
  writeKeystores(keystoresDir, recordedSecretKeys(KEYS));
});
afterAll(async () => {
  await threads[Symbol.asyncDispose]();
  keystores[Symbol.dispose]();
});

/** What the threads were asked for. */
interface Work {
  /** Rows that were opened, to be compared. */
  opened: number;
  /** Deposits whose signatures were verified. */
  deposits: number;
  /** Keystores that were decrypted, and stored keys that got new shares. */
  keystores: number;
  shared: number;
}

function countingPool(): { readonly pool: WorkerPool; readonly work: Work } {
  const work: Work = { opened: 0, deposits: 0, keystores: 0, shared: 0 };
  const pool: WorkerPool = {
    ...threads,
    openEach: input => {
      work.opened += input.rows.length;
      return threads.openEach(input);
    },
    checkDeposits: (input, signal) => {
      work.deposits += input.publicKeys.length / 48;
      return threads.checkDeposits(input, signal);
    },
    sealKeystores: (input, memoryBytes) => {
      work.keystores += input.keystores.length;
      return threads.sealKeystores(input, memoryBytes);
    },
    shareAnew: (target, rows) => {
      work.shared += rows.length;
      return threads.shareAnew(target, rows);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  return { pool, work };
}

async function upload(database: Database, options: Partial<RecordedUpload> = {}) {
  const { pool, work } = countingPool();
  const { result, warnings } = await uploadRecorded(database, pool, { keystoresDir, ...options });
  return { result, warnings, work };
}

async function findingsOf(database: Database): Promise<readonly string[]> {
  const progress = { start: () => ({ advance() {}, finish() {} }) };
  const verified = await verifyVault(
    { database, pool: threads, progress },
    { ref: recordedRef, encryptKey: RECORDED_ENCRYPT_KEY },
  );
  expect(verified.validators).toBe(KEYS);
  return verified.findings;
}

describe.each(BOTH_DATABASES)('a second upload on $kind', ({ createUrl }) => {
  /** A database with the ten keys; what the first upload took. */
  async function uploaded() {
    await using resources = new AsyncDisposableStack();
    const { url } = resources.use(await createUrl());
    const database = resources.use(await openDatabase({ url }));
    await setupRecorded(database);
    const first = await upload(database);
    const owned = resources.move();
    return { database, first, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  const change = (database: Database, table: TableName, set: string, where = 'true') =>
    sql`update ${tableOf(database, table)} set ${sql.raw(set)} where ${sql.raw(where)}`.execute(database.db);
  const flip = (column: string) => `${column} = set_byte(${column}, 5, get_byte(${column}, 5) # 1)`;

  it('a second upload opens no row and verifies no deposit when nothing was changed', async () => {
    await using vault = await uploaded();
    expect(vault.first.work).toEqual({ opened: 0, deposits: KEYS, keystores: KEYS, shared: 0 });
    for (let round = 0; round < 2; round++) {
      const { result, work } = await upload(vault.database);
      expect(work).toEqual({ opened: 0, deposits: 0, keystores: 0, shared: 0 });
      expect(result).toMatchObject({ keystores: KEYS, stored: 0 });
    }
    expect(await findingsOf(vault.database)).toEqual([]);
  });

  it.each([
    ['mac', flip('mac')],
    ['mac, all of it', "mac = decode(repeat('00', 32), 'hex')"],
  ])(
    'a second upload proves everything again when the proof is not the key’s: another %s',
    async (_, set) => {
      await using vault = await uploaded();
      await change(vault.database, 'upload_proofs', set);
      const { work } = await upload(vault.database);
      expect(work).toMatchObject({ opened: ROWS, deposits: KEYS });
      // This one has left a proof.
      expect((await upload(vault.database)).work).toMatchObject({ opened: 0, deposits: 0 });
    },
  );

  it('a second upload proves everything again when the proof’s digests were changed, or there is none', async () => {
    await using vault = await uploaded();
    for (const column of ['rows_digest', 'document_digest']) {
      await change(vault.database, 'upload_proofs', flip(column));
      expect((await upload(vault.database)).work).toMatchObject({ opened: ROWS, deposits: KEYS });
    }
    await sql`delete from ${tableOf(vault.database, 'upload_proofs')}`.execute(vault.database.db);
    expect((await upload(vault.database)).work).toMatchObject({ opened: ROWS, deposits: KEYS });
  });

  it('a second upload takes a proof of an earlier upload for none', async () => {
    await using vault = await uploaded();
    const read = () => vault.database.db.selectFrom('upload_proofs').selectAll().executeTakeFirstOrThrow();
    const { rows_digest, document_digest, mac } = await read();
    // Only an upload that changes something leaves another proof.
    await upload(vault.database, { oracleSet: inventOracleSet(5, 4) });
    await upload(vault.database);
    await vault.database.db.updateTable('upload_proofs').set({ rows_digest, document_digest, mac }).execute();
    expect((await upload(vault.database)).work).toMatchObject({ opened: ROWS, deposits: KEYS });
  });

  it('a second upload refuses another root of the deposit data, MAC and counter of the manifest, proof or not', async () => {
    for (const set of [flip('deposit_data_root'), flip('manifest_mac'), 'manifest_counter = 7']) {
      await using vault = await uploaded();
      await change(vault.database, 'vaults', set);
      await expect(upload(vault.database)).rejects.toMatchObject({ code: 'manifest-mismatch' });
    }
  });

  it('a second upload opens every row when one byte of one was changed, and mends it', async () => {
    await using vault = await uploaded();
    const share = 'public_key = (select min(public_key::text)::bytea from stakewise_operator.key_shares)';
    await change(vault.database, 'key_secrets', flip('ciphertext'), share);
    const { work, warnings, result } = await upload(vault.database);
    // The second time, what was put in its place.
    expect(work).toMatchObject({ deposits: 0, keystores: 1 });
    expect(work.opened).toBeGreaterThanOrEqual(ROWS);
    expect(warnings).toEqual([expect.stringContaining('The rows of 1 validators')]);
    expect(result.stored).toBe(1);
    expect(await findingsOf(vault.database)).toEqual([]);
    expect((await upload(vault.database)).work).toMatchObject({ opened: 0, deposits: 0 });
  });

  it('a second upload verifies all deposits when one was changed, and names the one that is wrong', async () => {
    await using vault = await uploaded();
    const data = recordedDepositData();
    const [first, second] = data.entries;
    if (first === undefined || second === undefined) throw new Error('no deposits');
    const { deposit_data_root: _, ...json } = first.json;
    const wrong = {
      publicKey: first.publicKey,
      signature: second.signature,
      json: { ...json, signature: second.json.signature },
    };
    const changed = { path: data.path, entries: data.entries.with(0, wrong) };
    await expect(upload(vault.database, { depositData: changed, root: null })).rejects.toMatchObject({
      code: 'deposit-data-bad-signature',
    });
    // The same deposits in another order are others, too.
    const reversed = { path: data.path, entries: data.entries.toReversed() };
    const { work } = await upload(vault.database, { depositData: reversed, root: null });
    expect(work).toMatchObject({ deposits: KEYS, opened: 0 });
    await expect(upload(vault.database, { depositData: reversed })).rejects.toMatchObject({
      code: 'deposit-data-root-mismatch',
    });
    expect((await upload(vault.database, { depositData: reversed, root: null })).work.deposits).toBe(0);
    expect(await findingsOf(vault.database)).toEqual([]);
  });

  it('a second upload for other oracles opens each key once, to share it anew', async () => {
    await using vault = await uploaded();
    const oracleSet = inventOracleSet(5, 4);
    const { work, result } = await upload(vault.database, { oracleSet });
    expect(work).toEqual({ opened: 0, deposits: 0, keystores: 0, shared: KEYS });
    expect(result).toMatchObject({ stored: KEYS, shares: 5 * KEYS });
    expect(await findingsOf(vault.database)).toEqual([]);
    // Back to the first set, whose shares are still there and were proven when another set was current.
    expect((await upload(vault.database)).work).toMatchObject({ opened: ROWS, shared: 0 });
    expect(await findingsOf(vault.database)).toEqual([]);
  });

  it('a second upload for other oracles makes a key anew from its keystore when its row does not open', async () => {
    await using vault = await uploaded();
    await change(
      vault.database,
      'key_secrets',
      flip('ciphertext'),
      'public_key = (select min(public_key::text)::bytea from stakewise_operator.keypairs)',
    );
    const { work, result, warnings } = await upload(vault.database, { oracleSet: inventOracleSet(5, 4) });
    expect(work).toMatchObject({ keystores: 1, shared: KEYS });
    expect(result.stored).toBe(KEYS);
    expect(warnings).toEqual([expect.stringContaining('The rows of 1 validators')]);
    expect(await findingsOf(vault.database)).toEqual([]);
  });

  it('a second upload with more keys opens none of those that were there', async () => {
    await using resources = new AsyncDisposableStack();
    const { url } = resources.use(await createUrl());
    const database = resources.use(await openDatabase({ url }));
    await setupRecorded(database);
    const few = join(keystores.path, `few-${Math.random()}`);
    writeKeystores(few, recordedSecretKeys(4));
    const data = recordedDepositData();
    const known = new Set(recordedSecretKeys(4).map((_, i) => i));
    const entries = data.entries.filter((_, i) => known.has(i));
    await upload(database, { keystoresDir: few, depositData: { path: data.path, entries }, root: null });
    const { work, result } = await upload(database);
    expect(work).toEqual({ opened: 0, deposits: KEYS, keystores: KEYS - 4, shared: 0 });
    expect(result.stored).toBe(KEYS - 4);
    expect(await findingsOf(database)).toEqual([]);
  });

  it('a second upload verifies no deposit again when only the statement over the facts is gone', async () => {
    await using vault = await uploaded();
    await sql`delete from ${tableOf(vault.database, 'statements')}`.execute(vault.database.db);
    // The signature of the facts is gone: they are proven from the sealed rows again.
    const { work } = await upload(vault.database);
    expect(work).toMatchObject({ deposits: 0 });
    const address = fromHex(RECORDED_VAULT, 20);
    const row = await vault.database.db
      .selectFrom('vaults')
      .select('manifest_counter')
      .where('address', '=', address)
      .executeTakeFirstOrThrow();
    expect(row.manifest_counter).toBe(2n);
  });
});
