import { describe, expect, it } from 'vitest';
import { renderBarLine } from '../../../src/cli/terminal/bar-line.ts';

const state = { label: 'Exporting validator keystores\t\t', done: 10, total: 100, leftMs: 31_000 };

describe('renderBarLine', () => {
  it('a step that is under way has the bar of the manual, and the time that is left', () => {
    expect(renderBarLine(state, 120)).toBe(
      `Exporting validator keystores\t\t  [####${'-'.repeat(32)}]  10/100  00:00:31`,
    );
  });

  it('a step that has ended looks as the manual shows it', () => {
    const ended = { ...state, done: 100, leftMs: 0 };
    expect(renderBarLine(ended, 120)).toBe(`Exporting validator keystores\t\t  [${'#'.repeat(36)}]  100/100`);
  });

  it.each([
    ['before the first item', { ...state, done: 0, leftMs: undefined }, '0/100'],
    ['without items', { ...state, done: 0, total: 0, leftMs: 0 }, '0/0'],
  ])('a step shows no time %s', (_name, shown, end) => {
    expect(renderBarLine(shown, 120)).toMatch(new RegExp(`\\]  ${end}$`));
  });

  it.each([80, 90, 100])(
    'the bar is made for a terminal of %s columns, where a line must not break',
    columns => {
      const line = renderBarLine(state, columns);
      // The label takes 40 columns with its tabs.
      const width = 40 + line.length - state.label.length;
      expect(width).toBeLessThanOrEqual(columns);
      expect(width).toBeGreaterThan(columns - 5);
    },
  );

  it('the bar has eight places at least, however narrow the terminal is', () => {
    expect(renderBarLine(state, 20)).toContain('[#-------]');
  });
});
