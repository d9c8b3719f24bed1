import { describe, expect, it } from 'vitest';
import { nameEach, nameList } from '../../../src/lib/name-list.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('nameList', () => {
  it.each([
    [0, ''],
    [1, '1'],
    [3, '1, 2, 3'],
    [20, numbers(20).join(', ')],
    [21, `${numbers(20).join(', ')} and 1 more`],
    [150_000, `${numbers(20).join(', ')} and 149980 more`],
  ])('nameList names the first twenty of %i items and counts the rest', (count, text) => {
    expect(nameList(numbers(count))).toBe(text);
  });

  it('nameList puts another separator between items that have commas', () => {
    expect(nameList(['a, b', 'c'], '; ')).toBe('a, b; c');
  });

  it.each([
    [20, 20, undefined],
    [21, 20, 1],
  ])(
    'nameEach tells of the first twenty of %i items one by one, and then of the rest',
    (count, told, rest) => {
      const items: number[] = [];
      let left: number | undefined;
      nameEach(
        numbers(count),
        item => items.push(item),
        more => {
          left = more;
        },
      );
      expect([items, left]).toEqual([numbers(told), rest]);
    },
  );
});
