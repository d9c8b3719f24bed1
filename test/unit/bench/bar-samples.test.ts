import { describe, expect, it } from 'vitest';
import { barReader, judgeBar } from '../../bench/bar-samples.ts';

const line = (done: number, left: string) => `\u001b[1GKeys\t\t  [####----]  ${done}/20${left}\u001b[0K`;

describe('barReader', () => {
  it('lines of a bar are read from pieces that end in the middle of a number, and lines of other bars are not', () => {
    const read = barReader('Keys');
    expect(read('\u001b[1GOthers  [--]  3/20  00:00:09\u001b[0K', 1)).toEqual([]);
    const text = line(2, '  00:01:05');
    expect(read(text.slice(0, -8), 2)).toEqual([]);
    expect(read(text.slice(-8), 3)).toEqual([{ atMs: 3, done: 2, total: 20, saidMs: 65_000 }]);
    expect(read(line(20, ''), 4)).toEqual([{ atMs: 4, done: 20, total: 20, saidMs: undefined }]);
  });
});

describe('judgeBar', () => {
  it('a bar is judged by shares while long is left, and by seconds in the end', () => {
    const told = (atMs: number, done: number, saidMs: number | undefined) => ({
      atMs,
      done,
      total: 20,
      saidMs,
    });
    const lines = [
      told(0, 0, undefined),
      told(5_000, 5, 999_000),
      told(10_000, 10, 40_000),
      told(20_000, 15, 15_000),
      told(38_000, 19, 5_000),
      told(40_000, 20, undefined),
    ];
    const judged = judgeBar(lines, { after: 10, lastMs: 10_000 });
    expect(judged).toMatchObject({ judged: 2, within: 0, worstLastMs: 3_000 });
    expect(judged.worstShare).toBeCloseTo(1 / 3);
    expect(judged.samples.map(({ done, leftMs }) => [done, leftMs])).toEqual([
      [10, 30_000],
      [15, 20_000],
      [19, 2_000],
    ]);
  });
});
