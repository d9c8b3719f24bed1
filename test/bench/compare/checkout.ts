import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GroupRun, runGroup } from './run-group.ts';

export interface Place {
  /** Where `git` finds the revisions: this checkout. */
  readonly root: string;
  readonly signal: AbortSignal;
}

export interface Checkout extends AsyncDisposable {
  readonly directory: string;
  /** Its hash, in short. */
  readonly commit: string;
}

/**
 * A revision in a directory of its own, built, with its dependencies. A clone that borrows the objects, and not a worktree:
 * whatever happens to this process, nothing of it stays in the repository.
 * @throws Error when there is no such revision, or it cannot be built
 */
export async function checkOut({ root, signal }: Place, revision: string): Promise<Checkout> {
  const found = await runGroup(
    ['git', 'rev-parse', '--short', '--verify', '--end-of-options', `${revision}^{commit}`],
    { cwd: root, signal },
  );
  if (found.exitCode !== 0) throw new Error(`There is no revision ${revision}.`);
  const commit = found.stdout.trim().split('\n').at(-1) ?? '';
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'stakewise-compare-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const run = async (cwd: string, ...command: string[]) =>
    expectDone(command, await runGroup(command, { cwd, signal }));
  await run(root, 'git', 'clone', '--quiet', '--shared', '--no-checkout', root, directory);
  await run(directory, 'git', 'checkout', '--quiet', '--detach', commit);
  if (hasSameDependencies(root, directory)) {
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    await run(directory, 'npm', 'run', '--silent', 'build');
  } else await run(directory, 'npm', 'ci', '--no-audit', '--no-fund');
  const owned = stack.move();
  return { directory, commit, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Whether the packages of one checkout are those of the other. */
function hasSameDependencies(one: string, other: string): boolean {
  const [mine, its] = [one, other].map(directory => join(directory, 'package-lock.json'));
  if (mine === undefined || its === undefined || !existsSync(mine) || !existsSync(its)) return false;
  return readFileSync(mine).equals(readFileSync(its));
}

function expectDone(command: readonly string[], { exitCode, stdout, stderr }: GroupRun): void {
  if (exitCode === 0) return;
  throw new Error(`${command.join(' ')} ended with ${exitCode}:\n${stdout}${stderr}`);
}
