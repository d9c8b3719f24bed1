/** How many items of a list a message names. */
const SHOWN = 20;

/** A list as a sentence has it: its first twenty items, and how many more there are. */
export function listed(items: Iterable<string>): string {
  const shown: string[] = [];
  let more = 0;
  for (const item of items) {
    if (shown.length < SHOWN) shown.push(item);
    else more += 1;
  }
  const named = shown.join(', ');
  return more === 0 ? named : `${named} and ${more} more`;
}
