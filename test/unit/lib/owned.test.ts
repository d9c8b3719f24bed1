import { describe, expect, it } from 'vitest';
import { owned } from '../../../src/lib/owned.ts';

describe('what is owned', () => {
  it('an owned object releases what it was made of in reverse, and only when it is disposed of itself', async () => {
    const released: string[] = [];
    const open = async () => {
      await using stack = new AsyncDisposableStack();
      stack.defer(() => void released.push('first'));
      stack.defer(async () => void released.push('second'));
      return owned(stack, { name: 'both' });
    };
    {
      await using both = await open();
      expect(both.name).toBe('both');
      expect(released).toEqual([]);
    }
    expect(released).toEqual(['second', 'first']);
  });

  it('an owned object is not made when a step before it fails, and all is released at once', async () => {
    const released: string[] = [];
    const open = async () => {
      await using stack = new AsyncDisposableStack();
      stack.defer(() => void released.push('first'));
      await Promise.reject(new Error('no'));
      return owned(stack, {});
    };
    await expect(open()).rejects.toThrow('no');
    expect(released).toEqual(['first']);
  });
});
