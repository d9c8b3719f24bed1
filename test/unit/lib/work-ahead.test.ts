import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { workAhead } from '../../../src/lib/work-ahead.ts';

/** Items from 0, and how far they were read. */
function source(count: number, failAt?: number) {
  const state = { read: 0, isClosed: false };
  async function* items() {
    try {
      for (let item = 0; item < count; item++) {
        if (item === failAt) throw new Error(`item ${item} cannot be read`);
        state.read += 1;
        yield item;
      }
    } finally {
      state.isClosed = true;
    }
  }
  return { state, items: items() };
}

async function collect<R>(results: AsyncIterable<R>): Promise<R[]> {
  const collected: R[] = [];
  for await (const result of results) collected.push(result);
  return collected;
}

describe('workAhead', () => {
  it.each([0, 1, 2, 3, 7])(
    'workAhead gives the results of %i items in order, however long each takes',
    async count => {
      const { items } = source(count);
      const work = async (item: number) => {
        for (let turn = 0; turn < (item % 2 === 0 ? 9 : 1); turn++) await Promise.resolve();
        return 10 * item;
      };
      const results = await collect(workAhead(items, work, { inFlight: 3 }));
      expect(results).toEqual(Array.from({ length: count }, (_, i) => 10 * i));
    },
  );

  it('workAhead works on so many at a time, and reads the next item while it does', async () => {
    const { items, state } = source(6);
    let running = 0;
    const seen: [running: number, read: number][] = [];
    const work = async (item: number) => {
      running += 1;
      await new Promise(resolve => setImmediate(resolve));
      seen.push([running, state.read]);
      running -= 1;
      return item;
    };
    await collect(workAhead(items, work, { inFlight: 2 }));
    expect(Math.max(...seen.map(([count]) => count))).toBe(2);
    expect(seen[0]).toEqual([2, 2]);
  });

  it('workAhead takes a list as well', async () => {
    expect(await collect(workAhead([1, 2, 3], async item => -item, { inFlight: 2 }))).toEqual([-1, -2, -3]);
  });

  it('workAhead ends with the error of the work: it reads no further, waits for what was begun and discards it', async () => {
    const { items, state } = source(9);
    const discarded: number[] = [];
    const ended: number[] = [];
    const work = async (item: number) => {
      await new Promise(resolve => setImmediate(resolve));
      if (item === 2 || item === 3) throw new Error(`no result for ${item}`);
      ended.push(item);
      return item;
    };
    const taken: number[] = [];
    const take = async () => {
      const results = workAhead(items, work, { inFlight: 3, discard: item => discarded.push(item) });
      for await (const result of results) taken.push(result);
    };
    // The error of item 3 comes at the same time; nobody waits for it, and it is no unhandled rejection.
    await expect(take()).rejects.toThrow('no result for 2');
    expect(taken).toEqual([0, 1]);
    expect([state.read, state.isClosed]).toEqual([5, true]);
    expect(ended).toEqual([0, 1, 4]);
    expect(discarded).toEqual([4]);
  });

  it('workAhead ends with the error of the source, after what was begun has ended', async () => {
    const { items } = source(9, 2);
    const discarded: number[] = [];
    const work = async (item: number) => {
      await new Promise(resolve => setImmediate(resolve));
      return item;
    };
    const results = workAhead(items, work, { inFlight: 3, discard: item => discarded.push(item) });
    await expect(collect(results)).rejects.toThrow('item 2 cannot be read');
    expect(discarded).toEqual([0, 1]);
  });

  it('workAhead discards what a reader that stops early does not take', async () => {
    const { items, state } = source(9);
    const discarded: number[] = [];
    const results = workAhead(items, async item => item, {
      inFlight: 3,
      discard: item => discarded.push(item),
    });
    for await (const result of results) {
      expect(result).toBe(0);
      break;
    }
    expect([state.read, state.isClosed]).toEqual([3, true]);
    expect(discarded).toEqual([1, 2]);
  });
});

/** Items whose making is begun and not ended, at each moment. */
function watched(fail: ReadonlySet<number> = new Set()) {
  const begun: number[] = [];
  const ended: number[] = [];
  const run = async (item: number) => {
    begun.push(item);
    // The later ones are done first.
    await sleep(item % 3 === 0 ? 10 : 1);
    ended.push(item);
    if (fail.has(item)) throw new Error(`item ${item}`);
    return 10 * item;
  };
  return { begun, ended, run };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('workAhead over a list', () => {
  it.each([1, 2, 3, 4, 21])(
    'workAhead over a list gives all results in the order of the items, %i in flight',
    async inFlight => {
      const { run } = watched();
      const results: number[] = [];
      for await (const result of workAhead(numbers(10), run, { inFlight })) results.push(result);
      expect(results).toEqual(numbers(10).map(item => 10 * item));
    },
  );

  it('workAhead over a list gives nothing for no items', async () => {
    const { run, begun } = watched();
    for await (const _ of workAhead([], run, { inFlight: 3 })) expect.fail();
    expect(begun).toEqual([]);
  });

  it('workAhead over a list begins the next items while one is worked on, and no more than it may', async () => {
    const { begun, run } = watched();
    let taken = 0;
    for await (const _ of workAhead(numbers(10), run, { inFlight: 4 })) {
      taken += 1;
      expect(begun.length).toBe(Math.min(10, taken + 3));
      await nextTurn();
    }
  });

  it('workAhead over a list throws the error of the first item that failed, after those under way have ended', async () => {
    const { begun, ended, run } = watched(new Set([4, 5]));
    const results: number[] = [];
    const all = async () => {
      for await (const result of workAhead(numbers(100), run, { inFlight: 5 })) results.push(result);
    };
    await expect(all()).rejects.toThrow('item 4');
    expect(results).toEqual([0, 10, 20, 30]);
    expect(begun.length).toBeLessThanOrEqual(9);
    expect(ended.toSorted()).toEqual(begun.toSorted());
  });

  it('workAhead over a list waits for those under way when its caller stops, and nobody is told of their errors', async () => {
    const { begun, ended, run } = watched(new Set([1, 2, 3]));
    const all = async () => {
      for await (const result of workAhead(numbers(100), run, { inFlight: 5 }))
        throw new Error(`stopped at ${result}`);
    };
    await expect(all()).rejects.toThrow('stopped at 0');
    expect(ended.toSorted()).toEqual(begun.toSorted());
    expect(begun).toHaveLength(5);
    // An error that nobody takes would end the process by now.
    await sleep(5);
  });
});
