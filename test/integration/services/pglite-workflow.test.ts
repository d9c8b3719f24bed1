import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/db/database.ts';
import { assignKeys } from '../../../src/services/fleet/assign-keys.ts';
import { cleanUpVault } from '../../../src/services/remote-db/clean-up-vault.ts';
import { setupVault } from '../../../src/services/remote-db/setup-vault.ts';
import { verifyVault } from '../../../src/services/remote-db/verify-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../src/workers/pool.ts';
import { createPgliteUrl } from '../../support/postgres/pglite.ts';
import { runCli, temporaryDirectory } from '../../support/programs/cli.ts';
import { readOperatorView, readSignerView, writeClient } from '../../support/recorded/recorded-files.ts';
import {
  inventOracleSet,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedRef,
  recordedSecretKeys,
  setupRecorded,
  uploadRecorded,
  writeKeystores,
} from '../../support/recorded/recorded-vault.ts';
import { readRecorded } from '../../support/recorded/vectors.ts';

let pool: WorkerPool;
const files = temporaryDirectory();
const keystoresDir = join(files.path, 'keystores');
beforeAll(() => {
  pool = createWorkerPool();
  writeKeystores(keystoresDir, recordedSecretKeys(10));
});
afterAll(async () => {
  await pool[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

describe('the whole workflow on an embedded database', () => {
  it('the workflow from setup to cleanup works on an embedded database that is reopened in between', async () => {
    await using pglite = await createPgliteUrl();
    {
      await using database = await openDatabase({ url: pglite.url });
      expect((await setupRecorded(database)).created).toBe(true);
      const again = { ref: recordedRef, programVersion: '1.0.0', ifNeeded: true };
      expect((await setupVault(database, { ...again, encryptKey: RECORDED_ENCRYPT_KEY })).created).toBe(
        false,
      );
      await uploadTwice(database);
    }
    {
      await using database = await openDatabase({ url: pglite.url });
      const view = await readOperatorView(database, join(files.path, 'operator'));
      expect(view).toMatchObject({ staleValidators: 0, threshold: 3 });
      expect(view.shares.size).toBe(10);
      expect(readFileSync(join(files.path, 'operator/deposit_data.json'), 'utf8')).toBe(
        readRecorded('03-remote-db/5-operator/deposit_data.json'),
      );
      expect((await readSignerView(database, pool, join(files.path, 'keys'))).size).toBe(50);
      const plan = { ref: recordedRef, totalClients: 10, reassign: false };
      expect((await assignKeys(database, plan)).plan.assignments).toHaveLength(10);
      await writeClient(database, join(files.path, 'client'), {
        index: 0,
        total: 10,
        isBuilderEnabled: false,
      });
      expect(readFileSync(join(files.path, 'client/validator_definitions.yml'), 'utf8')).toBe(
        readRecorded('03-remote-db/4-validator-builder-off/validator_definitions.yml'),
      );
      const progress = { start: () => ({ advance() {}, finish() {} }) };
      const verified = await verifyVault(
        { database, pool, progress },
        { ref: recordedRef, encryptKey: RECORDED_ENCRYPT_KEY },
      );
      expect(verified).toMatchObject({ validators: 10, shares: 40, findings: [] });
    }
    const group = ['--db-url', pglite.url, '--vault', RECORDED_VAULT, '--network', 'holesky'];
    const run = await runCli([
      'remote-db',
      ...group,
      'setup-operator',
      '--output-dir',
      join(files.path, 'cli'),
    ]);
    expect([run.exitCode, run.stderr]).toEqual([0, 'Next: start the operator with --remote-signer-url.\n']);
    {
      await using database = await openDatabase({ url: pglite.url });
      expect(await cleanUpVault(database, recordedRef)).toMatchObject({ validators: 10, shares: 40 });
    }
  });

  async function uploadTwice(database: Awaited<ReturnType<typeof openDatabase>>) {
    const first = await uploadRecorded(database, pool, { keystoresDir, oracleSet: inventOracleSet(5, 4) });
    expect(first.result).toMatchObject({ keystores: 10, stored: 10, shares: 50 });
    const rotated = await uploadRecorded(database, pool, { keystoresDir, pruneShares: true });
    expect(rotated.result).toMatchObject({ stored: 10, shares: 40, prunedShares: 50 });
  }
});
