import { describe, expect, it } from 'vitest';
import { decideRemovals } from '../../../../src/domain/fleet/removals.ts';

describe('decideRemovals', () => {
  it.each([
    [0, 0],
    [100, 0],
    [100, 10],
    [20, 2],
  ])('decideRemovals with %i keys present removes %i without a question', (before, removed) => {
    expect(decideRemovals({ before, removed, policy: 'refuse' })).toBe('remove');
  });

  it.each([
    [100, 11],
    [100, 100],
    [1, 1],
    [9, 1],
  ])('decideRemovals with %i keys present does not remove %i unless told to', (before, removed) => {
    expect(() => decideRemovals({ before, removed, policy: 'refuse' })).toThrow(
      expect.objectContaining({
        exitCode: 3,
        code: 'too-many-removals',
        message: expect.stringContaining(`${removed} of ${before} keys`),
      }),
    );
    expect(decideRemovals({ before, removed, policy: 'keep' })).toBe('keep');
    expect(decideRemovals({ before, removed, policy: 'allow' })).toBe('remove');
  });
});
