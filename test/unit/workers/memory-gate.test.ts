import { describe, expect, it } from 'vitest';
import { MemoryGate } from '../../../src/workers/memory-gate.ts';

/** Work that ends when it is told to. */
function startable() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const state = { isBegun: false };
  return {
    state,
    work: () => {
      state.isBegun = true;
      return promise;
    },
    resolve,
    reject,
  };
}

const settled = () => new Promise<void>(resolve => setImmediate(resolve));

describe('MemoryGate', () => {
  it('MemoryGate begins what fits, in its order: nothing small overtakes what waits', async () => {
    const gate = new MemoryGate(10);
    const [first, large, small] = [startable(), startable(), startable()];
    const done = [gate.run(6, first.work), gate.run(8, large.work), gate.run(1, small.work)];
    await settled();
    expect([first, large, small].map(({ state }) => state.isBegun)).toEqual([true, false, false]);
    first.resolve('first');
    await settled();
    expect([large, small].map(({ state }) => state.isBegun)).toEqual([true, true]);
    large.resolve('large');
    small.resolve('small');
    expect(await Promise.all(done)).toEqual(['first', 'large', 'small']);
  });

  it('MemoryGate does alone what is larger than all of it, and takes back the memory of what failed', async () => {
    const gate = new MemoryGate(10);
    const [huge, next] = [startable(), startable()];
    const failed = expect(gate.run(1000, huge.work)).rejects.toThrow('it broke');
    const done = gate.run(10, next.work);
    await settled();
    expect([huge, next].map(({ state }) => state.isBegun)).toEqual([true, false]);
    huge.reject(new Error('it broke'));
    await failed;
    await settled();
    expect(next.state.isBegun).toBe(true);
    next.resolve('next');
    expect(await done).toBe('next');
  });
});
