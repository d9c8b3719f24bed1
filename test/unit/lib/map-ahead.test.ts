import { setImmediate, setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { mapAhead } from '../../../src/lib/map-ahead.ts';

/** Items whose making is begun and not ended, at each moment. */
function watched(fail: ReadonlySet<number> = new Set()) {
  const begun: number[] = [];
  const ended: number[] = [];
  const run = async (item: number) => {
    begun.push(item);
    // The later ones are done first.
    await setTimeout(item % 3 === 0 ? 10 : 1);
    ended.push(item);
    if (fail.has(item)) throw new Error(`item ${item}`);
    return 10 * item;
  };
  return { begun, ended, run };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('mapAhead', () => {
  it.each([1, 2, 3, 20])('mapAhead gives all results in the order of the items, %i ahead', async ahead => {
    const { run } = watched();
    const results: number[] = [];
    for await (const result of mapAhead(numbers(10), run, ahead)) results.push(result);
    expect(results).toEqual(numbers(10).map(item => 10 * item));
  });

  it('mapAhead gives nothing for no items', async () => {
    const { run, begun } = watched();
    for await (const _ of mapAhead([], run, 2)) expect.fail();
    expect(begun).toEqual([]);
  });

  it('mapAhead begins the next items while one is worked on, and no more than it may', async () => {
    const { begun, run } = watched();
    let taken = 0;
    for await (const _ of mapAhead(numbers(10), run, 3)) {
      taken += 1;
      expect(begun.length).toBe(Math.min(10, taken + 3));
      await setImmediate();
    }
  });

  it('mapAhead throws the error of the first item that failed, after those under way have ended', async () => {
    const { begun, ended, run } = watched(new Set([4, 5]));
    const results: number[] = [];
    const all = async () => {
      for await (const result of mapAhead(numbers(100), run, 4)) results.push(result);
    };
    await expect(all()).rejects.toThrow('item 4');
    expect(results).toEqual([0, 10, 20, 30]);
    expect(begun.length).toBeLessThanOrEqual(9);
    expect(ended.toSorted()).toEqual(begun.toSorted());
  });

  it('mapAhead waits for those under way when its caller stops, and nobody is told of their errors', async () => {
    const { begun, ended, run } = watched(new Set([1, 2, 3]));
    const all = async () => {
      for await (const result of mapAhead(numbers(100), run, 4)) throw new Error(`stopped at ${result}`);
    };
    await expect(all()).rejects.toThrow('stopped at 0');
    expect(ended.toSorted()).toEqual(begun.toSorted());
    expect(begun).toHaveLength(5);
    // An error that nobody takes would end the process by now.
    await setTimeout(5);
  });
});
