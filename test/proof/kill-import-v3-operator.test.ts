// Kill −9 of import-v3-operator after every statement that can leave something behind, on the wire to the database that it writes
// to: readers see the old or the new state, whole, the next run completes, and the Python operator's database stays as it was. How
// that is gone through stands in kill-upload-keypairs.test.ts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkerPool, type WorkerPool } from '../../src/workers/pool.ts';
import { forEveryPoint, runKilledAt } from '../support/faults/killed-process.ts';
import { createDatabaseTemplate } from '../support/postgres/database-template.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { dumpDatabase } from '../support/postgres/snapshot.ts';
import {
  checkByVerify,
  checkUploadedView,
  countSecrets,
  digestDatabase,
  readVaultView,
} from '../support/scenes/vault-view.ts';
import { ORACLES, startWorkflow, type WorkflowFixture } from '../support/scenes/workflow-scene.ts';

const LANES = 3;
const KEYS = 4;
const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
let pool: WorkerPool;
let python: TestDatabase;

beforeAll(async () => {
  workflow = resources.use(await startWorkflow(KEYS));
  pool = resources.use(createWorkerPool({ size: 2 }));
  python = resources.use(await createTestDatabase({ migrated: false }));
  await workflow.storeAsPython(python.url, KEYS);
});
afterAll(() => resources.disposeAsync());

describe('import-v3-operator, killed', () => {
  it.each([
    { name: 'into an empty vault', stored: 0 },
    { name: 'beside 2 keys that were uploaded', stored: 2 },
  ])(
    'import-v3-operator $name, killed after each statement in turn, leaves the old or the new state; the next run completes',
    { timeout: 300_000 },
    async ({ stored }) => {
      await using template = await createDatabaseTemplate(async url => {
        await workflow.run(url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
        if (stored > 0) await workflow.run(url, workflow.uploadArgs(stored));
      });
      const publicKeys = workflow.publicKeys(KEYS);
      const args = workflow.importArgs(python.url);
      const pythonBefore = await dumpDatabase(python.url);
      const continued = new Set<string>();
      let becameNew = 0;
      const count = await forEveryPoint(LANES, async number => {
        await using database = await template.clone();
        const { url } = database;
        const old = await readVaultView(url);
        const point = { kind: 'statement', when: 'after', isChanging: true, number } as const;
        const run = await runKilledAt(point, { args, databaseUrl: url });
        if (run.killedAt === undefined) {
          expect(run.exitCode, run.stderr).toBe(0);
          return false;
        }
        try {
          const seen = await readVaultView(url);
          if (seen.manifestCounter === old.manifestCounter) {
            expect(seen).toEqual(old);
          } else {
            becameNew++;
            checkUploadedView(seen, workflow, publicKeys);
          }
          const digest = await digestDatabase(url);
          if (continued.has(digest)) return true;
          continued.add(digest);
          await checkByVerify(workflow, pool, url);
          const next = await workflow.runToEnd(url, args);
          expect(next.exitCode, next.stderr).toBe(0);
          checkUploadedView(await readVaultView(url), workflow, publicKeys);
          // Nothing half-done stays behind, nothing is there twice.
          expect(await countSecrets(url)).toBe(KEYS * (1 + ORACLES));
          await checkByVerify(workflow, pool, url);
        } catch (error) {
          throw new Error(`killed at ${number}: ${run.killedAt}`, { cause: error });
        }
        return true;
      });
      console.log(
        `import of ${KEYS} keys beside ${stored}: killed after ${count} statements, ${becameNew} in the new state, continued from ${continued.size} states`,
      );
      expect(count).toBeGreaterThan(5);
      expect(becameNew).toBeGreaterThan(0);
      expect(becameNew).toBeLessThan(count);
      expect(await dumpDatabase(python.url)).toEqual(pythonBefore);
    },
  );
});
