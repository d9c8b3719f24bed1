// Kill −9 of upload-keypairs at every statement on the wire and at every call of node:fs: readers see the old or the new
// state, whole, and the next run completes. That run is made once for every distinct content of the database that a kill
// leaves; most kills leave what was there before. What the command only reads (rows, keystores) is the same in all situations:
// those points are gone through once, for the situation where most is stored. Killed before a statement is killed after the one
// before it: see killed-process.ts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkerPool, type WorkerPool } from '../../src/workers/pool.ts';
import { forEveryPoint, type KillPoint, runKilledAt } from '../support/faults/killed-process.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../support/postgres/database-template.ts';
import {
  checkByVerify,
  checkUploadedView,
  countSecrets,
  digestDatabase,
  readVaultView,
} from '../support/scenes/vault-view.ts';
import { ORACLES, startWorkflow, type WorkflowFixture } from '../support/scenes/workflow-scene.ts';

const LANES = 3;
const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
let pool: WorkerPool;

beforeAll(async () => {
  workflow = resources.use(await startWorkflow(4));
  pool = resources.use(createWorkerPool({ size: 2 }));
});
afterAll(() => resources.disposeAsync());

type Point = Pick<KillPoint, 'kind' | 'when'> & { readonly isChanging?: boolean };
const CHANGING: readonly Point[] = [{ kind: 'statement', when: 'after', isChanging: true }];
const ALL_POINTS: readonly Point[] = [...CHANGING, { kind: 'file operation', when: 'before' }];

describe('upload-keypairs, killed', () => {
  describe.each([
    {
      name: 'as the first one',
      stored: 0,
      uploaded: 2,
      newOracles: false,
      points: CHANGING,
      secrets: 2 * (1 + ORACLES),
    },
    {
      name: 'with 2 more keys',
      stored: 2,
      uploaded: 4,
      newOracles: false,
      points: CHANGING,
      secrets: 4 * (1 + ORACLES),
    },
    {
      name: 'for new oracles',
      stored: 4,
      uploaded: 4,
      newOracles: true,
      points: ALL_POINTS,
      secrets: 4 * (1 + 2 * ORACLES),
    },
  ])('$name', ({ stored, uploaded, newOracles, points, secrets }) => {
    let template: DatabaseTemplate;

    beforeAll(async () => {
      template = resources.use(await createDatabaseTemplate(url => prepare(url, stored)));
      if (newOracles) await workflow.devnet.updateOracles({ count: ORACLES, threshold: 2, replace: true });
    });

    const continued = new Set<string>();

    it.each(points)(
      'upload-keypairs killed $when each $kind in turn leaves the old or the new state; the next run completes',
      { timeout: 600_000 },
      async point => {
        const publicKeys = workflow.publicKeys(uploaded);
        const args = workflow.uploadArgs(uploaded);
        let becameNew = 0;
        const continuedBefore = continued.size;
        const count = await forEveryPoint(LANES, async number => {
          await using database = await template.clone();
          const { url } = database;
          const old = await readVaultView(url);
          const run = await runKilledAt({ ...point, number } as KillPoint, { args, databaseUrl: url });
          if (run.killedAt === undefined) {
            expect(run.exitCode, run.stderr).toBe(0);
            return false;
          }
          const where = `${number}: ${run.killedAt}`;
          try {
            const seen = await readVaultView(url);
            if (seen.manifestCounter === old.manifestCounter) {
              expect(seen, where).toEqual(old);
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
            const final = await readVaultView(url);
            checkUploadedView(final, workflow, publicKeys);
            if (stored > 0) expect(Object.keys(final.assignments)).toEqual(publicKeys);
            // Nothing half-done stays behind, nothing is there twice.
            expect(await countSecrets(url)).toBe(secrets);
            await checkByVerify(workflow, pool, url);
          } catch (error) {
            throw new Error(`killed at ${where}`, { cause: error });
          }
          return true;
        });
        console.log(
          `upload of ${stored}+${uploaded - stored} keys: killed ${point.when} ${count} × ${point.kind}, ${becameNew} in the new state, continued from ${continued.size - continuedBefore} more states`,
        );
        expect(count).toBeGreaterThan(point.isChanging ? 5 : 15);
        if (point.isChanging) expect(becameNew).toBeGreaterThan(0);
      },
    );
  });
});

async function prepare(url: string, stored: number): Promise<void> {
  await workflow.run(url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
  if (stored === 0) return;
  await workflow.run(url, workflow.uploadArgs(stored));
  await workflow.run(url, workflow.setupValidatorArgs(0, 2, `${workflow.folder}/validator`));
}
