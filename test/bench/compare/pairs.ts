import type { PrintedFigure } from './figures.ts';

/** What the two revisions have printed when they ran one after the other. */
export interface RunPair {
  readonly before: readonly PrintedFigure[];
  readonly after: readonly PrintedFigure[];
}

/** A figure in all pairs. */
export interface ComparedFigure {
  readonly name: string;
  readonly unit: string;
  readonly pairs: readonly { readonly before: number; readonly after: number; readonly ratio: number }[];
  /** Median of the ratios, which are after to before. */
  readonly median: number;
}

/** Holds figure against figure of each pair: those that every run has, in their order. */
export function comparePairs(runs: readonly RunPair[]): ComparedFigure[] {
  return (runs[0]?.after ?? []).flatMap(({ name, unit }) => {
    const valueIn = (figures: readonly PrintedFigure[]) =>
      figures.find(figure => figure.name === name && figure.unit === unit)?.value;
    const pairs = runs.flatMap(run => {
      const [before, after] = [valueIn(run.before), valueIn(run.after)];
      return before === undefined || after === undefined ? [] : [{ before, after, ratio: after / before }];
    });
    if (pairs.length < runs.length) return [];
    return [{ name, unit, pairs, median: medianOf(pairs.map(pair => pair.ratio)) }];
  });
}

/** Lines of figures: each pair with its ratio, and the median of the ratios. */
export function renderComparison(figures: readonly ComparedFigure[]): string[] {
  const width = Math.max(0, ...figures.map(({ name, unit }) => name.length + unit.length + 2));
  return figures.map(({ name, unit, pairs, median }) => {
    const shown = pairs.map(
      ({ before, after, ratio }) => `${numberText(before)} → ${numberText(after)}  ${ratio.toFixed(2)}`,
    );
    return `  ${`${name}, ${unit}`.padEnd(width)}  ${[...shown, `median ${median.toFixed(2)}`].join(' | ')}`;
  });
}

/** The middle one; of an even number the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

function numberText(value: number): string {
  return value < 100 ? value.toFixed(value < 1 ? 3 : 2) : String(Math.round(value));
}
