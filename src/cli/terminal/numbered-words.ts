/** Numbers of words that a line may have, the most first: each divides 24, so that all lines are full. */
const WORDS_IN_LINE = [6, 4, 3, 2, 1];
const GAP = '   ';

/**
 * A mnemonic as it is to be copied onto paper: every word with its number, in columns that fit the terminal, read from left
 * to right. No word is broken.
 * @returns lines, each with its end
 */
export function renderNumberedWords(mnemonic: string, columns: number): string {
  const words = mnemonic.split(' ');
  const cells = words.map((word, i) => `${String(i + 1).padStart(2)}. ${word}`);
  const width = cells.reduce((widest, cell) => Math.max(widest, widthOf(cell)), 0);
  const fits = (count: number) => count * width + (count - 1) * GAP.length < columns;
  const perLine = WORDS_IN_LINE.find(fits) ?? 1;
  const lines: string[] = [];
  for (let from = 0; from < cells.length; from += perLine) {
    const line = cells.slice(from, from + perLine).map(cell => cell + ' '.repeat(width - widthOf(cell)));
    lines.push(`${line.join(GAP).trimEnd()}\n`);
  }
  return lines.join('');
}

/** Chinese and Korean letters take two columns; the parts that Unicode takes a letter apart into take none beside it. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u;

function widthOf(text: string): number {
  return [...text.normalize('NFC')].reduce((width, letter) => width + (WIDE.test(letter) ? 2 : 1), 0);
}
