import { describe, expect, it } from 'vitest';
import { countOf } from '../../../src/lib/plural.ts';
import { formatDuration } from '../../../src/lib/time-left.ts';
import { formatEther, formatGwei } from '../../../src/lib/units.ts';

describe('formatEther', () => {
  it.each([
    [0n, '0 ETH'],
    [32n * 10n ** 18n, '32 ETH'],
    [30_000_000n * 10n ** 9n, '0.03 ETH'],
    [1_234_567_890_123_456_789n, '1.234567 ETH'],
    [10n ** 12n, '0.000001 ETH'],
    [10n ** 12n - 1n, 'less than 0.000001 ETH'],
  ])('%s wei are shown as %s', (wei, text) => {
    expect(formatEther(wei, 'ETH')).toBe(text);
  });
});

describe('formatGwei', () => {
  it.each([
    [0n, '0'],
    [7n, '0.000000007'],
    [12_300_000_000n, '12.3'],
  ])('%s wei are shown as %s gwei', (wei, text) => {
    expect(formatGwei(wei)).toBe(text);
  });
});

describe('countOf', () => {
  it.each([
    [0, '0 keys'],
    [1, '1 key'],
    [2n, '2 keys'],
  ])('%s of a thing is shown as %s', (count, text) => {
    expect(countOf(count, 'key')).toBe(text);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '1 second'],
    [1_400, '1 second'],
    [60_000, '60 seconds'],
    [119_900, '2 minutes'],
    [3_600_000, '60 minutes'],
  ])('%s milliseconds are said as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
