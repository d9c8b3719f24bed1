import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLimit } from '../../../src/lib/limit.ts';

describe('limit', () => {
  it('runs so many at a time, in order, and goes on after a failure', async () => {
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
});
