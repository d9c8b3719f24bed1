import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLimit, mapBounded } from '../../../src/lib/limit.ts';

describe('limit', () => {
  it('createLimit runs tasks in order, no more at once than it was told, and goes on after a failure', async () => {
    const limit = createLimit(3);
    const started: number[] = [];
    let running = 0;
    let peak = 0;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        limit(async () => {
          started.push(i);
          peak = Math.max(peak, ++running);
          await sleep(i % 3);
          running--;
          if (i % 4 === 0) throw new Error(`task ${i}`);
          return i;
        }),
      ),
    );
    expect(peak).toBe(3);
    expect(started).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(5);
    expect(outcomes[19]).toEqual({ status: 'fulfilled', value: 19 });
  });

  it('createLimit lets 300,000 tasks through in less than ten seconds of CPU', {
    timeout: 240_000,
  }, async () => {
    const limit = createLimit(8);
    const before = process.cpuUsage();
    let done = 0;
    const task = async () => {
      await Promise.resolve();
      done += 1;
    };
    await Promise.all(Array.from({ length: 300_000 }, () => limit(task)));
    const { user, system } = process.cpuUsage(before);
    expect(done).toBe(300_000);
    expect((user + system) / 1_000_000).toBeLessThan(10);
  });
});

describe('a bounded map', () => {
  it('mapBounded gives results in the order of the items, begun in order, no more at once than it was told', async () => {
    const begun: number[] = [];
    const progress: number[] = [];
    let running = 0;
    let peak = 0;
    const square = async (item: number) => {
      begun.push(item);
      peak = Math.max(peak, ++running);
      await sleep(item % 3);
      running--;
      return item * item;
    };
    const items = Array.from({ length: 20 }, (_, i) => i);
    const results = await mapBounded(items, square, {
      concurrency: 3,
      onProgress: done => progress.push(done),
    });
    expect(results).toEqual(items.map(item => item * item));
    expect(begun).toEqual(items);
    expect(peak).toBe(3);
    expect(progress).toEqual(items.map(item => item + 1));
    expect(await mapBounded([], square, { concurrency: 3 })).toEqual([]);
  });

  it('mapBounded throws the first failed item’s error, begins no more, and discards all that was made', async () => {
    const begun: number[] = [];
    const discarded: number[] = [];
    const slow = Promise.withResolvers<void>();
    const run = async (item: number) => {
      begun.push(item);
      // Item 1 fails after item 2 has, and item 3 is still under way then.
      if (item === 1) await slow.promise;
      if (item === 3) await slow.promise.then(() => sleep(1));
      if (item === 2) setTimeout(slow.resolve, 5);
      if (item === 1 || item === 2) throw new Error(`item ${item}`);
      return item;
    };
    const mapped = mapBounded([0, 1, 2, 3, 4, 5, 6, 7], run, {
      concurrency: 3,
      discard: item => discarded.push(item),
    });
    await expect(mapped).rejects.toThrow('item 1');
    expect(begun).toEqual([0, 1, 2, 3]);
    expect(discarded).toEqual([0, 3]);
  });
});
