import { describe, expect, it } from 'vitest';
import { formatTimeLeft, StepCourse } from '../../../src/lib/time-left.ts';

/** Milliseconds that an item takes which one of the threads begins at a time. */
type Took = (item: { readonly index: number; readonly thread: number; readonly atMs: number }) => number;

interface Work {
  readonly items: number;
  readonly threads: number;
  readonly took: Took;
  /** Items that are begun together only when all before them have ended, as files are written in between. */
  readonly batch?: number;
}

const BEGUN_MS = 5_000_000;

/** When each item ends, in that order. */
function endsOf({ items, threads, took, batch = items }: Work): number[] {
  const free = new Array<number>(threads).fill(BEGUN_MS);
  const ends: number[] = [];
  for (let index = 0; index < items; index++) {
    if (index % batch === 0) free.fill(Math.max(...free));
    const atMs = Math.min(...free);
    const thread = free.indexOf(atMs);
    const endMs = atMs + took({ index, thread, atMs: atMs - BEGUN_MS });
    free[thread] = endMs;
    ends.push(endMs);
  }
  return ends.sort((a, b) => a - b);
}

/** Estimates after so many items and up to a second later, each by what comes then: 1 is right, 1.2 is a fifth too long. */
function estimatesOf(work: Work, after: number): number[] {
  const ends = endsOf(work);
  return [0, 1, 150, 500, 1_000].map(laterMs => {
    const nowMs = (ends[after - 1] ?? Number.NaN) + laterMs;
    const course = new StepCourse({ total: work.items, done: 0, lanes: work.threads }, BEGUN_MS);
    // What has ended at the very time of the last item may not have been told yet.
    const seen = ends.filter((endMs, i) => endMs <= nowMs && (laterMs > 0 || i < after));
    for (const endMs of seen) course.advance(1, endMs);
    return (course.timeLeftMs(nowMs) ?? Number.NaN) / ((ends.at(-1) ?? Number.NaN) - nowMs);
  });
}

function expectWithin(estimates: readonly number[], share: number): void {
  for (const estimate of estimates) expect(Math.abs(estimate - 1)).toBeLessThanOrEqual(share);
}

/** Numbers from 0 to 1 that are the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/** Times around a middle one, as a machine gives them that others use as well: up to `spread` of it less or more. */
function uneven(middleMs: number, spread: number, seed: number): Took {
  const random = randomNumbers(seed);
  return () => middleMs * (1 + spread * (2 * random() - 1));
}

describe('StepCourse', () => {
  it.each<[string, Work]>([
    ['one thread, all alike', { items: 100, threads: 1, took: () => 700 }],
    ['two threads that end together', { items: 100, threads: 2, took: () => 700 }],
    ['three threads that end together', { items: 100, threads: 3, took: () => 700 }],
    ['four threads that end together, in the middle of a burst', { items: 100, threads: 4, took: () => 700 }],
    [
      'two threads, one of them twice as fast',
      { items: 100, threads: 2, took: ({ thread }) => 500 + 500 * thread },
    ],
    [
      'two threads whose first items wait for their start',
      { items: 100, threads: 2, took: ({ index }) => (index < 2 ? 2_800 : 700) },
    ],
    [
      'four threads whose first items wait for their start',
      { items: 100, threads: 4, took: ({ index }) => (index < 4 ? 2_100 : 700) },
    ],
    [
      'two threads that wait for each other after every eight keys',
      { items: 100, threads: 2, batch: 8, took: ({ thread }) => 650 + 100 * thread },
    ],
  ])('the time left after the tenth key is right within a fifth: %s', (_name, work) => {
    expectWithin(estimatesOf(work, 10), 0.2);
  });

  it.each([1, 2, 4])(
    'the time left after the tenth key is right within a fifth for nine of ten runs with uneven keys, %s threads',
    threads => {
      const right = Array.from({ length: 200 }, (_, seed) => {
        const work = { items: 100, threads, batch: 4 * threads, took: uneven(700, 0.3, seed + 1) };
        return estimatesOf(work, 10).every(estimate => Math.abs(estimate - 1) <= 0.2);
      }).filter(Boolean).length;
      expect(right).toBeGreaterThanOrEqual(180);
    },
  );

  it.each([
    ['slower', 700, 1_400],
    ['faster', 1_400, 700],
  ])(
    'the time left is right within a fifth a minute after two threads have become %s',
    (_name, before, after) => {
      const took: Took = ({ index }) => (index < 100 ? before : after);
      const minute = Math.ceil(60_000 / (after / 2));
      expectWithin(estimatesOf({ items: 1_000, threads: 2, took }, 100 + minute), 0.2);
    },
  );

  it.each([15_000, 30_000, 60_000])(
    'the time left is right within a third while the load of the machine comes and goes every %s ms',
    everyMs => {
      const took: Took = ({ atMs }) => 1_000 * (1 + 0.5 * Math.sin((2 * Math.PI * atMs) / everyMs));
      for (const after of [100, 130, 160, 190, 220, 250])
        expectWithin(estimatesOf({ items: 400, threads: 2, took }, after), 1 / 3);
    },
  );

  it('the time left is right within a fifth ten keys after others that needed no key derivation', () => {
    const course = new StepCourse({ total: 1_600, done: 0, lanes: 2 }, 0);
    for (let i = 1; i <= 3; i++) course.advance(500, 400 * i);
    for (let i = 1; i <= 10; i++) course.advance(1, 1_200 + 700 * Math.ceil(i / 2));
    const left = (90 / 2) * 700;
    expect(Math.abs((course.timeLeftMs(1_200 + 3_500) ?? 0) - left)).toBeLessThan(0.2 * left);
  });

  it('StepCourse says nothing before the first item, and goes down by itself from then on', () => {
    const course = new StepCourse({ total: 101, done: 1, lanes: 1 }, 0);
    expect(course.timeLeftMs(500)).toBeUndefined();
    course.advance(1, 1_000);
    expect(course.timeLeftMs(1_000)).toBe(99_000);
    expect(course.timeLeftMs(1_400)).toBe(98_600);
    for (let i = 2; i <= 60; i++) course.advance(1, i * 1_000);
    expect(course.timeLeftMs(60_000)).toBe(40_000);
    expect(course.timeLeftMs(60_999)).toBe(39_001);
  });

  it('items that were there before are not taken for work, so a run that goes on estimates as one that begins', () => {
    const course = new StepCourse({ total: 100, done: 80, lanes: 2 }, 0);
    for (let i = 1; i <= 10; i++) course.advance(1, 1_000 * Math.ceil(i / 2));
    expect(course.done).toBe(90);
    expect(course.timeLeftMs(5_000)).toBe(5_000);
  });

  it('the last item is known to be half done, when its thread began it long before the other has ended', () => {
    const course = new StepCourse({ total: 11, done: 0, lanes: 2 }, 0);
    for (let i = 1; i <= 5; i++) {
      course.advance(1, i * 1_000 - 400);
      course.advance(1, i * 1_000);
    }
    expect(course.timeLeftMs(5_000)).toBe(600);
  });

  it('the time left grows while nothing comes any more, and never ends before the work', () => {
    const course = new StepCourse({ total: 50, done: 0, lanes: 2 }, 0);
    for (let i = 1; i <= 20; i++) course.advance(1, 1_000 * Math.ceil(i / 2));
    const usual = course.timeLeftMs(10_500) ?? 0;
    expect(course.timeLeftMs(60_000)).toBeGreaterThan(5 * usual);
    for (let i = 21; i <= 49; i++) course.advance(1, 60_000 + i);
    expect(course.timeLeftMs(60_060)).toBeGreaterThanOrEqual(0);
    course.advance(1, 70_000);
    expect(course.timeLeftMs(90_000)).toBe(0);
  });

  it('chunks of threads and a hundred thousand items one by one come to the same time', () => {
    const chunks = new StepCourse({ total: 100_000, done: 0, lanes: 2 }, 0);
    for (let i = 1; i <= 100; i++) chunks.advance(500, 1_000 * Math.ceil(i / 2));
    expect(chunks.timeLeftMs(50_000)).toBe(50_000);
    const single = new StepCourse({ total: 100_000, done: 0, lanes: 1 }, 0);
    for (let i = 1; i <= 50_000; i++) single.advance(1, i);
    expect(single.timeLeftMs(50_000)).toBeCloseTo(50_000, 0);
  });
});

describe('formatTimeLeft', () => {
  it.each([
    [0, '00:00:00'],
    [1, '00:00:01'],
    [59_000, '00:00:59'],
    [59_001, '00:01:00'],
    [3_600_000, '01:00:00'],
    [86_399_000, '23:59:59'],
    [90_061_000, '1d 01:01:01'],
  ])('%s milliseconds are shown as %s', (ms, text) => {
    expect(formatTimeLeft(ms)).toBe(text);
  });
});
