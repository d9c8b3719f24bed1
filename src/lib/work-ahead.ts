/**
 * Works on the items of a source while later ones are read, so that neither waits for the other. After a failure, of the
 * source or of the work, nothing more is read or begun, and what is under way is waited for.
 * @param options.inFlight - how many items are worked on at a time
 * @param options.discard - does away with a result that nobody takes any more, such as by overwriting its secret
 * @returns results in the order of the items
 */
export async function* workAhead<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<R>,
  options: { readonly inFlight: number; readonly discard?: ((result: R) => void) | undefined },
): AsyncGenerator<R, void, undefined> {
  const { inFlight, discard } = options;
  const begun: Promise<R>[] = [];
  try {
    for await (const item of source) {
      const result = work(item);
      // It is awaited in its turn, which may come long after it has failed.
      result.catch(() => undefined);
      begun.push(result);
      if (begun.length === inFlight) yield await (begun.shift() as Promise<R>);
    }
    for (let next = begun.shift(); next !== undefined; next = begun.shift()) yield await next;
  } finally {
    for (const outcome of await Promise.allSettled(begun))
      if (outcome.status === 'fulfilled') discard?.(outcome.value);
  }
}
