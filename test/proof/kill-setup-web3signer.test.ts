// Kill −9 of setup-web3signer at every statement on the wire and at every call of node:fs: a signer that loads the
// directory finds each file old or new, every key that both states have and none that neither has; the next run completes.
// That run is made once for every distinct content of the directory that a kill leaves. The command only reads from the
// database: at a statement there is on the disk what the file operation before it has left. So statements are gone through
// once, for the last situation, which changes most.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { forEveryPoint, type KillPoint, runKilledAt } from '../support/faults/killed-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { ORACLES, startWorkflow, type WorkflowFixture } from '../support/scenes/workflow-scene.ts';

const LANES = 3;
const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
let database: TestDatabase;

beforeAll(async () => {
  workflow = resources.use(await startWorkflow(2));
  database = resources.use(await createTestDatabase());
  await workflow.run(database.url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
});
afterAll(() => resources.disposeAsync());

type Point = Pick<KillPoint, 'kind' | 'when'>;
// A reading call leaves the directory as the changing one before it has.
const CHANGES: readonly Point[] = [{ kind: 'file change', when: 'after' }];
const ALL_POINTS: readonly Point[] = [...CHANGES, { kind: 'statement', when: 'before' }];

interface Case {
  readonly name: string;
  readonly points: readonly Point[];
  readonly options: readonly string[];
  /** What happens to the vault between the run before and the one that is killed. */
  readonly change: () => Promise<void>;
  /** Whether there was a run before. */
  readonly hasOld: boolean;
  /** Keys that a run brings, and that it takes away. */
  readonly added: number;
  readonly removed: number;
}

const SHARES = ORACLES;
const upload = (count: number) => workflow.run(database.url, workflow.uploadArgs(count));
const changeOracles = async () => {
  await workflow.devnet.updateOracles({ count: ORACLES, threshold: 2, replace: true });
  await upload(2);
};

// In the order of a vault's life: each case begins with what the one before has left in the database.
const CASES: Case[] = [
  {
    name: 'as the first one',
    points: CHANGES,
    options: [],
    change: () => upload(1),
    hasOld: false,
    added: 1 + SHARES,
    removed: 0,
  },
  {
    name: 'after a key was added',
    points: CHANGES,
    options: [],
    change: () => upload(2),
    hasOld: true,
    added: 1 + SHARES,
    removed: 0,
  },
  {
    name: 'after all shares changed',
    points: ALL_POINTS,
    options: ['--removals', 'allow'],
    change: changeOracles,
    hasOld: true,
    added: 2 * SHARES,
    removed: 2 * SHARES,
  },
];

describe('setup-web3signer, killed', () => {
  describe.each(CASES)('$name', ({ name, points, options, change, hasOld, added, removed }) => {
    let oldDirectory: string;
    let newDirectory: string;
    const argsFor = (directory: string) => workflow.setupWeb3SignerArgs(directory, ...options);
    const directoryOf = (label: string) =>
      join(workflow.folder, `${CASES.findIndex(c => c.name === name)}-${label}`);

    beforeAll(async () => {
      oldDirectory = directoryOf('old');
      newDirectory = directoryOf('new');
      if (hasOld) await workflow.run(database.url, argsFor(oldDirectory));
      await change();
      if (hasOld) cpSync(oldDirectory, newDirectory, { recursive: true });
      await workflow.run(database.url, argsFor(newDirectory));
    });

    const continued = new Set<string>();

    it.each(points)(
      'setup-web3signer killed $when each $kind in turn leaves whole files, and its next run completes',
      { timeout: 600_000 },
      async point => {
        const [before, after] = [readFiles(oldDirectory), readFiles(newDirectory)];
        const oldKeys = loadKeys(oldDirectory);
        const newKeys = loadKeys(newDirectory);
        expect(without(newKeys, oldKeys)).toHaveLength(added);
        expect(without(oldKeys, newKeys)).toHaveLength(removed);
        const common = new Set([...oldKeys].filter(key => newKeys.has(key)));
        let between = 0;
        const continuedBefore = continued.size;
        const count = await forEveryPoint(LANES, async number => {
          const directory = directoryOf(`${point.kind}-${point.when}-${number}`);
          const args = argsFor(directory);
          if (hasOld) cpSync(oldDirectory, directory, { recursive: true, preserveTimestamps: true });
          const run = await runKilledAt({ ...point, number } as KillPoint, {
            args,
            databaseUrl: database.url,
          });
          if (run.killedAt === undefined) {
            expect(run.exitCode, run.stderr).toBe(0);
            return false;
          }
          try {
            const seen = loadKeys(directory);
            if (!isEqual(seen, oldKeys) && !isEqual(seen, newKeys)) between++;
            expect(without(common, seen), 'keys that went missing').toEqual([]);
            expect(without(seen, new Set([...oldKeys, ...newKeys])), 'keys from nowhere').toEqual([]);
            for (const [file, content] of readFiles(directory)) {
              if (file.startsWith('.')) continue;
              expect([before.get(file), after.get(file)], file).toContain(content);
            }
            const content = JSON.stringify([existsSync(directory), ...nameless(readFiles(directory))]);
            if (continued.has(content)) return true;
            continued.add(content);
            const next = await workflow.runToEnd(database.url, args);
            expect(next.exitCode, next.stderr).toBe(0);
            // Names and bytes: no temporary file with a key in it is left.
            expect(readFiles(directory)).toEqual(after);
          } catch (error) {
            throw new Error(`killed at ${number}: ${run.killedAt}`, { cause: error });
          } finally {
            rmSync(directory, { recursive: true, force: true });
          }
          return true;
        });
        console.log(
          `setup-web3signer ${name}: killed ${point.when} ${count} × ${point.kind}, ${between} between the states, continued from ${continued.size - continuedBefore} more states`,
        );
        expect(count).toBeGreaterThan(10);
      },
    );
  });
});

/** All files of a directory, dot files included, by name. */
function readFiles(directory: string): Map<string, string> {
  const names = existsSync(directory) ? readdirSync(directory).sort() : [];
  return new Map(names.map(name => [name, readFileSync(join(directory, name), 'utf8')]));
}

/** Temporary files without what their names have of the process and of chance. */
function nameless(files: ReadonlyMap<string, string>): [string, string][] {
  const ownPart = /\.\d+\.[0-9a-f]{16}\.stakewise-tmp$/;
  return [...files].map(([name, content]) => [name.replace(ownPart, ''), content]);
}

function without(keys: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  return [...keys].filter(key => !others.has(key));
}

function isEqual(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && without(a, b).length === 0;
}

function loadKeys(directory: string): ReadonlySet<string> {
  return existsSync(directory) ? readKeyDirectory(directory).publicKeys : new Set<string>();
}
