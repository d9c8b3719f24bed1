/**
 * Runs an async function over items, so many at once, and gives the results in the order of the items as they are asked
 * for: what is done with one result runs beside the making of the next ones. When one fails, or the caller stops, no further
 * ones are begun, and those under way are waited for.
 * @param ahead - how many are begun and not yet taken, at most
 * @throws the error of the first of the items that failed
 */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  run: (item: T) => Promise<R>,
  ahead: number,
): AsyncGenerator<R, void, undefined> {
  const running: Promise<R>[] = [];
  const pending = items[Symbol.iterator]();
  const begin = () => {
    while (running.length < ahead) {
      const next = pending.next();
      if (next.done === true) return;
      const result = run(next.value);
      // It is awaited in its turn, perhaps after it has failed.
      result.catch(() => undefined);
      running.push(result);
    }
  };
  try {
    for (begin(); running[0] !== undefined; begin()) {
      const result = await running[0];
      running.shift();
      // The next one begins before this one is worked on.
      begin();
      yield result;
    }
  } finally {
    await Promise.allSettled(running);
  }
}
