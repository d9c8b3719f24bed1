import { describe, expect, it } from 'vitest';
import { Queue } from '../../../src/lib/queue.ts';

describe('a queue', () => {
  it('a queue gives back in order what comes in between what leaves', () => {
    const queue = new Queue<number>();
    const left: (number | undefined)[] = [];
    let next = 0;
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 7; i++) queue.push(next++);
      for (let i = 0; i < 5; i++) left.push(queue.shift());
    }
    expect(queue.length).toBe(100);
    expect(queue.peek()).toBe(250);
    expect([...left, ...queue.drain()]).toEqual(Array.from({ length: 350 }, (_, i) => i));
    expect(queue.length).toBe(0);
    expect(queue.peek()).toBeUndefined();
    expect(queue.shift()).toBeUndefined();
  });
});
