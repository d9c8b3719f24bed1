// Two processes at once, a hundred times each: some rounds by processes of their own, from their start to their end; the
// others by two processes that stay and are told to begin in the same moment, which they do closer together.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkerPool, type WorkerPool } from '../../src/workers/pool.ts';
import { readLighthouseDefinitions, readSignerKeys } from '../support/checkers/validator-clients.ts';
import { type ProcessRun, runRemoteDb, runRemoteDbIn } from '../support/faults/killed-process.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../support/postgres/database-template.ts';
import { createTestDatabase, runSql } from '../support/postgres/postgres.ts';
import { type StandingProgram, startStandingProgram } from '../support/programs/standing-program.ts';
import {
  checkByVerify,
  checkUploadedView,
  countSecrets,
  readVaultView,
} from '../support/scenes/vault-view.ts';
import { ORACLES, startWorkflow, type WorkflowFixture } from '../support/scenes/workflow-scene.ts';

const ROUNDS = 100;
/** Rounds by processes of their own, of as many. */
const FRESH_OF = 10;
const LANES = 2;
const KEYS = 4;
const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
let pool: WorkerPool;
/** Two for each lane. */
let pairs: StandingProgram[][];
let setUp: DatabaseTemplate;
let uploaded: DatabaseTemplate;

beforeAll(async () => {
  workflow = resources.use(await startWorkflow(KEYS));
  pool = resources.use(createWorkerPool({ size: 1 }));
  pairs = Array.from({ length: LANES }, () => [0, 1].map(() => resources.use(startStandingProgram())));
  const setup = (url: string) => workflow.run(url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
  setUp = resources.use(await createDatabaseTemplate(setup));
  uploaded = resources.use(
    await createDatabaseTemplate(async url => {
      await setup(url);
      await workflow.run(url, workflow.uploadArgs(KEYS));
    }),
  );
});
afterAll(() => resources.disposeAsync());

describe('two processes at once, a hundred times', { timeout: 600_000 }, () => {
  it('upload-keypairs, run twice at once for one vault, leaves it whole in each of 100 rounds', async () => {
    const publicKeys = workflow.publicKeys(KEYS);
    let waited = 0;
    let refused = 0;
    await inRounds(async ({ race }) => {
      await using database = await setUp.clone();
      const args = workflow.uploadArgs(KEYS);
      const runs = await race(database.url, args, args);
      const failed = runs.filter(run => run.exitCode !== 0);
      expect(failed.length, 'failures').toBeLessThan(2);
      for (const { exitCode, stderr } of failed) {
        expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/vault|upload/)]);
      }
      refused += failed.length;
      waited += runs.filter(run => run.stderr.includes('Another upload of this vault is running')).length;
      const view = await readVaultView(database.url);
      checkUploadedView(view, workflow, publicKeys);
      // The one that comes second finds everything as it would leave it, and stores nothing.
      expect(view.uploads).toBe(1);
      expect(await countSecrets(database.url)).toBe(KEYS * (1 + ORACLES));
      await checkByVerify(workflow, pool, database.url);
    });
    console.log(
      `uploads: in ${waited} of ${ROUNDS} rounds one waited for the other, in ${refused} it was refused`,
    );
    expect(waited, 'rounds that were a race').toBeGreaterThan(0);
  });

  it('migrate, run twice at once on an empty database, migrates it once in each of 100 rounds', async () => {
    await using reference = await createTestDatabase({ migrated: true });
    const expected = await describeSchema(reference.url);
    expect(expected.length).toBeGreaterThan(20);
    let together = 0;
    await inRounds(async ({ race }) => {
      await using database = await createTestDatabase({ migrated: false });
      const args = ['migrate', ...workflow.vaultArgs];
      const runs = await race(database.url, args, args);
      for (const { exitCode, stderr } of runs) expect(exitCode, stderr).toBe(0);
      const migrated = runs.filter(run => run.stdout.includes('Successfully migrated'));
      expect(migrated).toHaveLength(1);
      together += Number(runs.some(run => run.stdout.includes('up to date')));
      expect(await describeSchema(database.url)).toEqual(expected);
    });
    expect(together).toBe(ROUNDS);
  });

  // A hundred first setup-validators: half of them agree on the total.
  it('setup-validator, run first by two clients at once with one total, stores one plan in each round', async () => {
    await inRounds(async ({ round, race }) => {
      await using database = await uploaded.clone();
      const folders = [0, 1].map(client => join(workflow.folder, `same-${round}-${client}`));
      const [first, second] = folders.map((folder, client) => workflow.setupValidatorArgs(client, 2, folder));
      const runs = await race(database.url, first, second);
      for (const { exitCode, stderr } of runs) expect(exitCode, stderr).toBe(0);
      const keys = folders.map(readClientKeys);
      expect(keys.map(list => list.length)).toEqual([KEYS / 2, KEYS / 2]);
      expect(keys.flat().sort()).toEqual(workflow.publicKeys(KEYS));
      expect(await readPlans(database.url)).toEqual({ totals: [2], assigned: KEYS, stored: 1 });
      for (const folder of folders) rmSync(folder, { recursive: true });
    }, ROUNDS / 2);
  });

  it('setup-validator, run first by two clients at once with two totals, has one of them win in each round', async () => {
    const winners = { 2: 0, 3: 0 };
    await inRounds(async ({ round, race }) => {
      await using database = await uploaded.clone();
      const totals = [2, 3] as const;
      const folders = totals.map(total => join(workflow.folder, `other-${round}-${total}`));
      const [first, second] = totals.map((total, i) =>
        workflow.setupValidatorArgs(0, total, folders[i] ?? ''),
      );
      const runs = await race(database.url, first, second);
      expect(runs.map(run => run.exitCode).sort(), runs.map(run => run.stderr).join()).toEqual([0, 3]);
      const winner = runs.findIndex(run => run.exitCode === 0);
      const total = totals[winner] ?? 2;
      winners[total]++;
      expect(await readPlans(database.url)).toEqual({ totals: [total], assigned: KEYS, stored: 1 });
      expect(readClientKeys(folders[winner] ?? '')).toEqual(workflow.publicKeys(KEYS).slice(0, KEYS / 2));
      const loser = folders[1 - winner] ?? '';
      expect(existsSync(loser) ? readdirSync(loser) : []).toEqual([]);
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    }, ROUNDS / 2);
    console.log(`first setup-validators: 2 clients won ${winners[2]} rounds, 3 clients ${winners[3]}`);
  });
});

interface Round {
  readonly round: number;
  /** Starts two commands together. */
  readonly race: (
    databaseUrl: string,
    first: readonly string[] | undefined,
    second: readonly string[] | undefined,
  ) => Promise<ProcessRun[]>;
}

async function inRounds(play: (round: Round) => Promise<void>, rounds = ROUNDS): Promise<void> {
  const numbers = Array.from({ length: rounds }, (_, index) => index).values();
  const lane = async (pair: readonly StandingProgram[]) => {
    for (const round of numbers) {
      const isFresh = round % FRESH_OF === 0;
      await play({
        round,
        race: (databaseUrl, first = [], second = []) =>
          Promise.all(
            [first, second].map((args, i) => {
              const program = isFresh ? undefined : pair[i];
              const options = { args, databaseUrl };
              return program === undefined ? runRemoteDb(options) : runRemoteDbIn(program, options);
            }),
          ),
      });
    }
  };
  await Promise.all(pairs.map(lane));
}

/** Keys of a client's files, which must agree. */
function readClientKeys(folder: string): string[] {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const keys = readSignerKeys(read('signer_keys.yml'));
  const definitions = readLighthouseDefinitions(read('validator_definitions.yml'));
  expect(definitions.map(({ publicKey }) => publicKey)).toEqual(keys);
  return keys;
}

async function readPlans(databaseUrl: string) {
  const query = (text: string) => runSql(databaseUrl, text.replaceAll('from ', 'from stakewise_operator.'));
  const plans = await query('select total_clients from assignment_plans');
  const assigned = await query('select public_key from assignments');
  const stored = await query(`select audit_id from audit_log where command = 'remote-db assign'`);
  return {
    totals: plans.map(plan => plan.total_clients),
    assigned: assigned.length,
    stored: stored.length,
  };
}

/** Columns, constraints and steps of the schema, as one sorted list. */
async function describeSchema(databaseUrl: string): Promise<string[]> {
  const rows = await runSql(
    databaseUrl,
    `select format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) as line
       from information_schema.columns where table_schema = 'stakewise_operator'
     union all select format('%s: %s', conrelid::regclass, pg_get_constraintdef(oid))
       from pg_constraint where connamespace = 'stakewise_operator'::regnamespace
     union all select name from stakewise_operator.schema_steps
     order by 1`,
  );
  return rows.map(row => String(row.line));
}
