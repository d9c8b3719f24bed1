import { closest, distance } from 'fastest-levenshtein';

/**
 * Asks whether the name that is nearest to a word was meant.
 * @returns a question for a hint; undefined when none is near: more than two letters, and more than a third of them, would have
 *   to change
 */
export function didYouMean(word: string, names: Iterable<string>): string | undefined {
  const known = [...names];
  if (known.length === 0) return undefined;
  const nearest = closest(word, known);
  const changes = distance(word, nearest);
  const isNear = changes <= Math.max(2, nearest.length / 3) && changes < nearest.length;
  return isNear ? `Did you mean "${nearest}"?` : undefined;
}
