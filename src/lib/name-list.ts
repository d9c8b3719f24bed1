/** How many things a message names before it counts the rest. */
const NAMED = 20;

/** A list in a message: its first twenty items and how many more there are, so that ten thousand keys make no line of a megabyte. */
export function nameList(items: readonly unknown[], separator = ', '): string {
  const named = items.slice(0, NAMED).map(String).join(separator);
  return items.length > NAMED ? `${named} and ${items.length - NAMED} more` : named;
}

/** Tells of each item where every one has a line of its own: of the first twenty, and how many more there are. */
export function nameEach<T>(
  items: readonly T[],
  tell: (item: T) => void,
  tellOfRest: (count: number) => void,
): void {
  for (const item of items.slice(0, NAMED)) tell(item);
  if (items.length > NAMED) tellOfRest(items.length - NAMED);
}
