import { expect, it } from 'vitest';
import { listed } from '../../../src/lib/listed.ts';

const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);

it.each([
  [0, ''],
  [2, 'n0, n1'],
  [20, names(20).join(', ')],
  [21, `${names(20).join(', ')} and 1 more`],
  [5_000, `${names(20).join(', ')} and 4980 more`],
])('listed names the first twenty of %i, and counts the others', (count, text) => {
  expect(listed(names(count))).toBe(text);
});
