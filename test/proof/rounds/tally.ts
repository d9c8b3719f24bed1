/** Counts what came up, and says it as a table. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  add(heading: string, what: string, count = 1): void {
    const counts = this.#counts.get(heading) ?? new Map<string, number>();
    counts.set(what, (counts.get(what) ?? 0) + count);
    this.#counts.set(heading, counts);
  }

  countOf(heading: string, what: string): number {
    return this.#counts.get(heading)?.get(what) ?? 0;
  }

  /** All that came up under a heading. */
  under(heading: string): readonly string[] {
    return [...(this.#counts.get(heading)?.keys() ?? [])].sort();
  }

  /** A line for each, the most frequent of a heading first. */
  toString(): string {
    const lines: string[] = [];
    for (const [heading, counts] of this.#counts) {
      lines.push(heading);
      for (const [what, count] of [...counts].sort(([, a], [, b]) => b - a)) {
        lines.push(`${String(count).padStart(9)}  ${what}`);
      }
    }
    return lines.join('\n');
  }
}
