import { countOf } from '../../../lib/plural.ts';
import type { SomeKeys } from '../observation/observation.ts';

/** How many keys they are, and the first by its beginning: a key of 98 letters tells nobody more. */
export function nameKeys({ total, publicKeys }: SomeKeys): string {
  const [first] = publicKeys;
  return first === undefined
    ? countOf(total, 'key')
    : `${countOf(total, 'key')}, first ${first.slice(0, 10)}…`;
}
