import { describe, expect, it } from 'vitest';
import { comparePairs, medianOf, type RunPair, renderComparison } from '../../bench/compare/pairs.ts';

const cpu = (value: number) => ({ name: 'cost, CPU', unit: 's', value });
const peak = (value: number) => ({ name: 'cost', unit: 'MB', value });
const RUNS: readonly RunPair[] = [
  { before: [cpu(10), peak(660)], after: [cpu(8), peak(654)] },
  { before: [cpu(20), peak(662)], after: [cpu(15), peak(655)] },
  { before: [cpu(9), peak(661)], after: [cpu(9), peak(656)] },
];

describe('comparePairs', () => {
  it('comparePairs holds each run against the one that ran beside it, so that a busy minute counts in both', () => {
    const [found] = comparePairs(RUNS);
    expect(found).toEqual({
      name: 'cost, CPU',
      unit: 's',
      pairs: [
        { before: 10, after: 8, ratio: 0.8 },
        { before: 20, after: 15, ratio: 0.75 },
        { before: 9, after: 9, ratio: 1 },
      ],
      median: 0.8,
    });
  });

  it('comparePairs leaves out what one of the runs has not printed, or in another unit', () => {
    const runs = [
      { before: [cpu(1), peak(5)], after: [cpu(1), { ...peak(5), unit: 'GB' }] },
      { before: [peak(5)], after: [cpu(1), peak(5)] },
    ];
    expect(comparePairs(runs)).toEqual([]);
    expect(comparePairs([])).toEqual([]);
  });
});

describe('renderComparison', () => {
  it('renderComparison has a line for each figure, with all pairs and the median', () => {
    expect(renderComparison(comparePairs(RUNS))).toEqual([
      '  cost, CPU, s  10.00 → 8.00  0.80 | 20.00 → 15.00  0.75 | 9.00 → 9.00  1.00 | median 0.80',
      '  cost, MB      660 → 654  0.99 | 662 → 655  0.99 | 661 → 656  0.99 | median 0.99',
    ]);
    expect(renderComparison([])).toEqual([]);
  });
});

describe('medianOf', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
    [[], Number.NaN],
  ])('the median of %j is %s', (values, median) => {
    expect(medianOf(values)).toBe(median);
  });
});
