/** @throws when they are not the same value */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)} instead of ${String(expected)}`);
}

/** @throws when these are not the same members, each once, in any order */
export function expectSame(what: string, actual: readonly string[], expected: readonly string[]): void {
  if (actual.toSorted().join() !== expected.toSorted().join())
    throw new Error(`${what}: ${actual.length} found, ${expected.length} expected, or others`);
}
