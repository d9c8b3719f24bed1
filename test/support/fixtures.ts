import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'vitest';

/**
 * A fixture that is made for one test and disposed after it.
 * @param create - makes what the test is given
 */
export function disposedAfterTest<T extends Disposable | AsyncDisposable>(create: () => T | Promise<T>) {
  // vitest reads in this pattern what a fixture needs: nothing, which may not be an empty one by the linter's rules.
  return async (
    { task: _ }: Pick<TestContext, 'task'>,
    { onCleanup }: { onCleanup: (release: () => Promise<void>) => void },
  ): Promise<T> => {
    const stack = new AsyncDisposableStack();
    onCleanup(() => stack.disposeAsync());
    return stack.use(await create());
  };
}

/**
 * `it` with what a test can ask for by naming it in its first argument: made for that test alone, and gone after it. What
 * no argument names is not made. A test with a table (`it.for`) has these in its second argument; `it.each` cannot have them.
 * A file that needs more extends it: `const it = base.extend('scene', ({ directory }) => …)`.
 */
export const it = test
  /** Path of an empty temporary directory, with no link on the way to it. */
  .extend('directory', ({ task: _ }, { onCleanup }) => {
    const path = mkdtempSync(join(realpathSync(tmpdir()), 'stakewise-test-'));
    onCleanup(() => {
      // A test may have given it a mode that keeps its owner out.
      chmodSync(path, 0o700);
      rmSync(path, { recursive: true });
    });
    return path;
  });
