import { describe, expect, it } from 'vitest';
import { lastBlockTime } from '../../../../src/operator/loop/slot-grid.ts';

describe('lastBlockTime', () => {
  const network = { genesisTimestamp: 1_000, secondsPerSlot: 12 };
  const at = (unixMs: number) => lastBlockTime(network, { now: 50_000, unixMs });

  it('lastBlockTime is a third of a slot after the beginning of the last one', () => {
    expect(at(1_000_000 + 4_000)).toBe(50_000);
    expect(at(1_000_000 + 24_000 + 5_500)).toBe(48_500);
  });

  it('lastBlockTime is that of the slot before until a third of a slot has passed', () => {
    expect(at(1_000_000 + 12_000 + 3_999)).toBe(50_000 - 11_999);
  });

  it('lastBlockTime is in the past before the chain has begun, too', () => {
    expect(at(1_000_000 - 1_000)).toBe(50_000 - 7_000);
  });
});
