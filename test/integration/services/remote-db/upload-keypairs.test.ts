import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../../src/db/database.ts';
import { findVault } from '../../../../src/db/vaults.ts';
import { buildDepositTree } from '../../../../src/domain/protocol/deposit-tree.ts';
import { fromHex } from '../../../../src/lib/bytes.ts';
import { assignKeys } from '../../../../src/services/fleet/assign-keys.ts';
import { verifyVault } from '../../../../src/services/remote-db/verify-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../../src/workers/pool.ts';
import {
  createDatabaseTemplate,
  type DatabaseTemplate,
} from '../../../support/postgres/database-template.ts';
import { createTestDatabase, runSql } from '../../../support/postgres/postgres.ts';
import { dumpDatabase } from '../../../support/postgres/snapshot.ts';
import { temporaryDirectory } from '../../../support/programs/cli.ts';
import { readOperatorView, readSignerView } from '../../../support/recorded/recorded-files.ts';
import {
  fillWithRecordedVault,
  inventOracleSet,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedDepositData,
  recordedRef,
  recordedSecretKeys,
  setupRecorded,
  uploadRecorded,
  writeKeystores,
} from '../../../support/recorded/recorded-vault.ts';

let pool: WorkerPool;
let template: DatabaseTemplate;
const keystores = temporaryDirectory();
const all = join(keystores.path, 'all');
const two = join(keystores.path, 'two');
const secretKeys = recordedSecretKeys(10);

beforeAll(async () => {
  pool = createWorkerPool();
  writeKeystores(all, secretKeys);
  writeKeystores(two, secretKeys.slice(0, 2));
  template = await createDatabaseTemplate(url => fillWithRecordedVault(url, all));
});
afterAll(async () => {
  await template[Symbol.asyncDispose]();
  await pool[Symbol.asyncDispose]();
  keystores[Symbol.dispose]();
});

/** A copy of the database with ten keys of four oracles, and a directory for files. */
async function openUploaded() {
  const resources = new AsyncDisposableStack();
  const clone = resources.use(await template.clone());
  const database = resources.use(await openDatabase({ url: clone.url }));
  const files = resources.use(temporaryDirectory());
  let written = 0;
  return {
    database,
    url: clone.url,
    operator: () => readOperatorView(database, files.path),
    signer: () => {
      const directory = join(files.path, `keys${written++}`);
      mkdirSync(directory);
      return readSignerView(database, pool, directory);
    },
    verify: () => verify(database),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function verify(database: Database) {
  const progress = { start: () => ({ advance() {}, finish() {} }) };
  return verifyVault({ database, pool, progress }, { ref: recordedRef, encryptKey: RECORDED_ENCRYPT_KEY });
}

async function counterOf(database: Database): Promise<bigint> {
  const address = fromHex(RECORDED_VAULT, 20);
  return (await findVault(database, { network: 'holesky', address }))?.manifestCounter ?? -1n;
}

describe('a second upload', () => {
  it('a second upload of the same keys changes nothing in the database', async () => {
    await using vault = await openUploaded();
    const before = { operator: await vault.operator(), signer: await vault.signer() };
    const counter = await counterOf(vault.database);
    const dump = await dumpDatabase(vault.url);
    const { result } = await uploadRecorded(vault.database, pool, { keystoresDir: all });
    expect(result).toMatchObject({ keystores: 10, stored: 0, shares: 40, oracles: 4, threshold: 3 });
    expect({ operator: await vault.operator(), signer: await vault.signer() }).toEqual(before);
    expect(await counterOf(vault.database)).toBe(counter);
    expect(await dumpDatabase(vault.url)).toEqual(dump);
    expect((await vault.verify()).findings).toEqual([]);
    // Neither do fewer keystores that are all there.
    await uploadRecorded(vault.database, pool, { keystoresDir: two });
    expect(await dumpDatabase(vault.url)).toEqual(dump);
  });

  it('a second upload with a plan of clients changes nothing, also when the plan was never signed', async () => {
    await using vault = await openUploaded();
    await assignKeys(vault.database, { ref: recordedRef, totalClients: 3, reassign: false });
    await uploadRecorded(vault.database, pool, { keystoresDir: all });
    const dump = await dumpDatabase(vault.url);
    await uploadRecorded(vault.database, pool, { keystoresDir: all });
    expect(await dumpDatabase(vault.url)).toEqual(dump);
  });

  it.each([
    ['text of the deposit data', "update deposit_data set document = document || ' '"],
    ['number of entries', 'update deposit_data set entry_count = entry_count + 1'],
    ['name of the oracles’ document', "update oracle_sets set config_ipfs_hash = 'Qmother'"],
    ['digest of the validators', "update vaults set validators_digest = decode(repeat('07', 32), 'hex')"],
    ['digest for the operator', "update vaults set operator_digest = decode(repeat('07', 32), 'hex')"],
    ['statement', 'delete from statements'],
    ['signature', "update statements set signature = decode(repeat('07', 64), 'hex')"],
    ['proof', 'delete from upload_proofs'],
    ['MAC of the proof', "update upload_proofs set mac = decode(repeat('07', 32), 'hex')"],
  ])(
    'a second upload mends what was changed beside the keys, and the third finds nothing to do: %s',
    async (_, change) => {
      await using vault = await openUploaded();
      const counter = await counterOf(vault.database);
      const table = /(?:update|from) (\w+)/.exec(change)?.[1] ?? '';
      await runSql(vault.url, change.replace(table, `stakewise_operator.${table}`));
      await uploadRecorded(vault.database, pool, { keystoresDir: all });
      expect(await counterOf(vault.database)).toBe(counter + 1n);
      expect((await vault.verify()).findings).toEqual([]);
      const mended = await dumpDatabase(vault.url);
      await uploadRecorded(vault.database, pool, { keystoresDir: all });
      expect(await dumpDatabase(vault.url)).toEqual(mended);
    },
  );

  it('a second upload of two of ten keystores keeps all ten keys with their shares', async () => {
    await using vault = await openUploaded();
    const before = { operator: await vault.operator(), signer: await vault.signer() };
    expect(before.signer.size).toBe(50);
    const { result } = await uploadRecorded(vault.database, pool, { keystoresDir: two });
    expect(result).toMatchObject({ keystores: 2, stored: 0 });
    expect({ operator: await vault.operator(), signer: await vault.signer() }).toEqual(before);
    expect(await vault.verify()).toMatchObject({ validators: 10, shares: 40, findings: [] });
  });
});

describe('another oracle set', () => {
  it('an upload for another oracle set puts its shares beside the old ones, and keys not mentioned keep theirs', async () => {
    await using vault = await openUploaded();
    const before = { operator: await vault.operator(), signer: await vault.signer() };
    const { result } = await uploadRecorded(vault.database, pool, {
      keystoresDir: two,
      oracleSet: inventOracleSet(5, 4),
    });
    expect(result).toMatchObject({ keystores: 2, stored: 2, shares: 10, oracles: 5, threshold: 4 });

    const operator = await vault.operator();
    expect(operator).toMatchObject({ staleValidators: 8, threshold: 4 });
    expect(operator.shares.size).toBe(2);
    const signer = await vault.signer();
    expect(signer.size).toBe(8 * (1 + 4) + 2 * (1 + 5));
    for (const [validator, shares] of before.operator.shares) {
      const now = operator.shares.get(validator);
      for (const share of shares) expect(signer.has(share), share).toBe(now === undefined);
      for (const share of now ?? []) expect(signer.has(share), share).toBe(true);
      expect(signer.has(validator)).toBe(true);
    }
    expect(await vault.verify()).toMatchObject({ staleValidators: 8, findings: [] });
  });

  it('an upload back to the first oracle set finds its shares again, unless they were pruned', async () => {
    await using vault = await openUploaded();
    const before = await vault.operator();
    const oracleSet = inventOracleSet(3, 2);
    await uploadRecorded(vault.database, pool, { keystoresDir: all, oracleSet });
    expect((await vault.operator()).shares).not.toEqual(before.shares);
    const back = await uploadRecorded(vault.database, pool, { keystoresDir: all });
    expect(back.result.stored).toBe(0);
    expect(await vault.operator()).toEqual(before);

    const pruned = await uploadRecorded(vault.database, pool, { keystoresDir: all, pruneShares: true });
    expect(pruned.result.prunedShares).toBe(30);
    expect(await vault.operator()).toEqual(before);
    const again = await uploadRecorded(vault.database, pool, { keystoresDir: all, oracleSet });
    expect(again.result.stored).toBe(10);
    expect((await vault.verify()).findings).toEqual([]);
  });

  it('an upload with --prune-shares removes no oracle set that a key still needs', async () => {
    await using vault = await openUploaded();
    await uploadRecorded(vault.database, pool, { keystoresDir: all, oracleSet: inventOracleSet(3, 2) });
    const { result } = await uploadRecorded(vault.database, pool, {
      keystoresDir: two,
      oracleSet: inventOracleSet(5, 4),
      pruneShares: true,
    });
    // The recorded set goes as a whole; eight keys still have shares of the second, which stays as a whole.
    expect(result.prunedShares).toBe(40);
    expect((await vault.signer()).size).toBe(8 * (1 + 3) + 2 * (1 + 5));
    expect(await vault.verify()).toMatchObject({ validators: 10, staleValidators: 8, findings: [] });
  });
});

describe('keys uploaded later', () => {
  it('an upload gives new keys a validator client, and moves no key', async () => {
    await using database = await createTestDatabase();
    await using session = await openDatabase({ url: database.url });
    await setupRecorded(session);
    const data = recordedDepositData();
    const inTwo = new Set(secretKeys.slice(0, 2).map((_, index) => data.entries[index]?.publicKey));
    const entries = data.entries.filter(({ publicKey }) => inTwo.has(publicKey));
    const root = buildDepositTree(entries, fromHex(RECORDED_VAULT, 20)).root;
    await uploadRecorded(session, pool, { keystoresDir: two, depositData: { ...data, entries }, root });
    const first = await assignKeys(session, { ref: recordedRef, totalClients: 3, reassign: false });
    expect(first.plan.assignments).toHaveLength(2);

    await uploadRecorded(session, pool, { keystoresDir: all });
    const second = await assignKeys(session, { ref: recordedRef, totalClients: 3, reassign: false });
    expect(second).toMatchObject({ isNew: false, movedKeys: 0 });
    expect(second.plan.assignments).toHaveLength(10);
    expect(second.plan.assignments).toEqual(expect.arrayContaining([...first.plan.assignments]));
    const counts = [0, 1, 2].map(
      client => second.plan.assignments.filter(each => each.clientIndex === client).length,
    );
    expect(counts.toSorted()).toEqual([3, 3, 4]);
    expect((await verify(session)).findings).toEqual([]);
  });
});
