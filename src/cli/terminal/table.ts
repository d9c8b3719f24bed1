const GAP = '  ';

/**
 * Lines of a table for people: a heading, and columns as wide as their longest text; columns without any text are left out.
 * @param rows - texts in the order of the headings
 */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const columns = headings
    .map((heading, place) => {
      const texts = rows.map(row => row[place] ?? '');
      const width = texts.reduce((widest, text) => Math.max(widest, text.length), heading.length);
      return { heading, texts, width };
    })
    .filter(({ texts }) => texts.some(text => text !== ''));
  const lineOf = (textOf: (column: (typeof columns)[number]) => string) =>
    columns
      .map(column => textOf(column).padEnd(column.width))
      .join(GAP)
      .trimEnd();
  return [lineOf(({ heading }) => heading), ...rows.map((_, i) => lineOf(({ texts }) => texts[i] ?? ''))];
}
