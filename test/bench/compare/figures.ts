/** A number with a unit that a bench has printed; what it is of follows from the words around it. Times are in seconds. */
export interface PrintedFigure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
}

/** Lines that say what is measured and what for: no figures of this run. */
const NO_FIGURES = /^\s*(input|target|Python|verified|Node)\b/;
const FIGURE = /(\d+(?:\.\d+)?)\s*(ms|s|MB|%|[A-Za-z]+\/s)(?![\w/])/;
/** What stands in brackets is a target, the machine's load, or what others take. */
const ASIDE = /\([^)]*\)/g;
const SEPARATOR = /\s*[|,;]\s+/;

/**
 * The figures of a bench, by what it printed: that is all that benches of any revision have in common. A name that comes
 * again gets its number.
 */
export function readFigures(output: string): PrintedFigure[] {
  const seen = new Map<string, number>();
  return output
    .split('\n')
    .filter(line => !NO_FIGURES.test(line))
    .flatMap(figuresOfLine)
    .map(figure => {
      const key = `${figure.name} ${figure.unit}`;
      const count = (seen.get(key) ?? 0) + 1;
      seen.set(key, count);
      return count === 1 ? figure : { ...figure, name: `${figure.name} (${count})` };
    });
}

/** The line with which a bench says what it measures. */
export function titleOf(output: string, bench: string): string | undefined {
  return output.split('\n').find(line => line.startsWith(`${bench}: `));
}

function figuresOfLine(line: string): PrintedFigure[] {
  const [first = '', ...others] = line.replace(ASIDE, ' ').split(SEPARATOR);
  const head = wordsOf(first.slice(0, first.search(/\d|$/)));
  return [first, ...others].flatMap((part, i) => {
    const [all = '', digits = '', unit = ''] = FIGURE.exec(part) ?? [];
    if (all === '') return [];
    const words = wordsOf(part.replace(FIGURE, ' '));
    const name = i === 0 ? words : [head, words].filter(Boolean).join(', ');
    return [
      unit === 'ms'
        ? { name, unit: 's', value: Number(digits) / 1000 }
        : { name, unit, value: Number(digits) },
    ];
  });
}

/** The words of a text, whatever numbers stand between them. */
function wordsOf(text: string): string {
  return text
    .replace(/\d+(?:\.\d+)?/g, '#')
    .replace(/\s+/g, ' ')
    .replace(/^[\s:]+|[\s:]+$/g, '');
}
