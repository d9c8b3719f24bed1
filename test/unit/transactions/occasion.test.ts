import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstBlockAfter, keyOfOccasion } from '../../../src/transactions/occasion.ts';

const occasion = (lastEventBlock: number | null, plannedAtBlock: number) => ({
  lastEventBlock,
  plannedAtBlock,
});

describe('the occasion of a call', () => {
  it('a call has one key as long as no such event has happened, whenever it is planned', () => {
    const keys = [10, 11, 5_000].map(at => keyOfOccasion('fund-validators', '0x12', occasion(9, at)));
    expect(new Set(keys)).toEqual(new Set([keys[0]]));
  });

  it.each([
    ['another kind', keyOfOccasion('withdraw-validators', '0x12', occasion(9, 10))],
    ['other data', keyOfOccasion('fund-validators', '0x13', occasion(9, 10))],
    ['a later event', keyOfOccasion('fund-validators', '0x12', occasion(10, 10))],
    ['no event before it', keyOfOccasion('fund-validators', '0x12', occasion(null, 10))],
    ['an event in the first block', keyOfOccasion('fund-validators', '0x12', occasion(0, 10))],
  ])('%s makes another key', (_, key) => {
    expect(key).not.toBe(keyOfOccasion('fund-validators', '0x12', occasion(9, 10)));
  });

  it.each([
    ['right after the last event', occasion(990, 1_000), 991],
    ['where none is known, as far back as blocks may be exchanged', occasion(null, 1_000), 905],
    ['where the last one is older than that, no further back', occasion(3, 1_000), 905],
    ['at the first block of a young chain', occasion(null, 5), 0],
    ['after an event in the block of the plan', occasion(1_000, 1_000), 1_001],
  ])('what ends it is looked for %s', (_, given, block) => {
    expect(firstBlockAfter(given)).toBe(block);
  });

  it('what the plan knew of never ends it, and what comes after its block always does', () => {
    fc.assert(
      fc.property(fc.option(fc.nat(10_000)), fc.nat(10_000), (lastEventBlock, later) => {
        const plannedAtBlock = (lastEventBlock ?? 0) + later;
        const from = firstBlockAfter(occasion(lastEventBlock, plannedAtBlock));
        expect(from).toBeGreaterThan(lastEventBlock ?? -1);
        expect(from).toBeLessThanOrEqual(plannedAtBlock + 1);
      }),
    );
  });
});
