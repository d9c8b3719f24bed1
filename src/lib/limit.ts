// Our own, and not p-limit or p-map: a failure must leave no secret behind, so all that is under way is waited for and what
// was made is discarded, which neither does; and the operator holds one more package for as long as it runs.
import { Queue } from './queue.ts';

/** Runs tasks, at most so many at a time; the others wait in the order in which they came. */
export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

/** Bounds how many tasks run at a time, wherever they come from. */
export function createLimit(concurrency: number): Limit {
  let running = 0;
  const waiting = new Queue<() => void>();
  return async task => {
    if (running < concurrency) running++;
    else await new Promise<void>(resolve => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // A waiting task takes over the place, so that nobody overtakes it.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}

export interface MapBoundedOptions<R> {
  /** How many items are worked on at a time. */
  readonly concurrency: number;
  /** Called with the number of items done so far. */
  readonly onProgress?: ((done: number) => void) | undefined;
  /** Does away with a result when another item fails, such as by overwriting its secret. */
  readonly discard?: ((result: R) => void) | undefined;
}

/**
 * Runs an async function over items, a bounded number at once, begun in their order. After the first failure no further
 * ones are begun, those under way are waited for, and all results are discarded.
 * @returns results in the order of the items
 * @throws the error of the first of the items that failed
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  run: (item: T) => Promise<R>,
  { concurrency, onProgress, discard }: MapBoundedOptions<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  const pending = items.entries();
  let failure: { readonly index: number; readonly error: unknown } | undefined;
  let done = 0;
  const lane = async () => {
    for (const [index, item] of pending) {
      try {
        results[index] = await run(item);
      } catch (error) {
        if (failure === undefined || index < failure.index) failure = { index, error };
      }
      // The lanes share the items: the first one that ends ends them for all.
      if (failure !== undefined) return;
      done += 1;
      onProgress?.(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, lane));
  if (failure === undefined) return results;
  // `forEach` passes over the places that have no result.
  if (discard !== undefined) {
    results.forEach(result => {
      discard(result);
    });
  }
  throw (failure as { readonly error: unknown }).error;
}
