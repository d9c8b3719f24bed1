import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { checkOut } from './checkout.ts';
import { readFigures, titleOf } from './figures.ts';
import { comparePairs, type RunPair, renderComparison } from './pairs.ts';
import { runGroup } from './run-group.ts';

export interface CompareOptions {
  /** The checkout that is held against the revision, built. */
  readonly root: string;
  readonly revision: string;
  /** How often the two run in turn. */
  readonly pairs: number;
  /** Benches to compare; by default all but those that are asked for by name. */
  readonly names: readonly string[];
  readonly defaultNames: readonly string[];
}

/** Benches end with it when a target was missed: the figures are there. */
const MISSED = 3;

/**
 * Runs benches of a revision and of this checkout in turn, each by its own program and its own bench, and prints figures and
 * ratios. What is made for it is gone afterwards, also after Ctrl-C.
 * @returns the exit code
 */
export async function compareRevisions(
  options: CompareOptions,
  print: (line: string) => void,
): Promise<number> {
  const stop = new AbortController();
  const listener = (name: NodeJS.Signals) => stop.abort(name);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, listener);
  try {
    await compare(options, print, stop.signal);
    return 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    const name = stop.signal.reason as NodeJS.Signals;
    print(`Interrupted by ${name}.`);
    return 128 + constants.signals[name];
  } finally {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, listener);
  }
}

async function compare(
  { root, revision, pairs, names, defaultNames }: CompareOptions,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  print(`Building ${revision} in a directory of its own …`);
  await using checkout = await checkOut({ root, signal }, revision);
  const known = await listBenches(checkout.directory, signal);
  const wanted = names.length > 0 ? names : defaultNames;
  const unknown = wanted.filter(name => !known.includes(name));
  if (unknown.length > 0) print(`${revision} does not know ${unknown.join(', ')}: left out.`);
  print(
    `Before: ${checkout.commit}. After: this checkout. Ratios are after to before, in ${pairs} pairs run in turn.\n`,
  );
  for (const name of wanted.filter(one => known.includes(one))) {
    print(name);
    const runs: RunPair[] = [];
    const titles = new Set<string | undefined>();
    for (let pair = 0; pair < pairs; pair++) {
      const before = await runBench(checkout.directory, name, signal);
      const after = await runBench(root, name, signal);
      titles.add(titleOf(before, name)).add(titleOf(after, name));
      runs.push({ before: readFigures(before), after: readFigures(after) });
    }
    if (titles.size > 1) print(`  Mind: they measure different things: ${[...titles].join(' / ')}`);
    const lines = renderComparison(comparePairs(runs));
    for (const line of lines.length > 0 ? lines : ['  no figure that both have']) print(line);
    print('');
  }
}

/** The benches that a checkout knows: its bench names them when it is asked for one that cannot be. */
async function listBenches(directory: string, signal: AbortSignal): Promise<string[]> {
  const { stderr } = await runGroup(benchCommand(directory, '?'), { cwd: directory, signal });
  const [, list] = /There are: (.*)\.$/m.exec(stderr) ?? [];
  if (list === undefined) throw new Error(`It has no benches that can be named:\n${stderr}`);
  return list.split(', ');
}

async function runBench(directory: string, name: string, signal: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await runGroup(benchCommand(directory, name), {
    cwd: directory,
    signal,
  });
  if (exitCode === 0 || exitCode === MISSED) return stdout;
  throw new Error(`${name} in ${directory} ended with ${exitCode}:\n${stdout}${stderr}`);
}

/** Each by the Node that it asks for. */
function benchCommand(directory: string, name: string): string[] {
  const node = join(directory, 'node_modules/node/bin/node');
  return [existsSync(node) ? node : process.execPath, join(directory, 'test/bench/main.ts'), name];
}
