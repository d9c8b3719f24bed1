/** Where the texts of a page begin, behind names that are shorter; the same in all of its sections. */
const TEXT_COLUMN = 28;

/** A name, and what is said of it. */
export interface Row {
  readonly name: string;
  readonly text: string;
}

/**
 * Names and texts in two columns; the text of a longer name begins on a line of its own. No word is broken.
 * @param columns - letters that a line may have
 * @param textColumn - where the texts begin
 */
export function renderRows(rows: readonly Row[], columns: number, textColumn = TEXT_COLUMN): string {
  return rows.map(row => renderRow(row, columns, textColumn)).join('\n');
}

function renderRow({ name, text }: Row, columns: number, textColumn: number): string {
  const indent = ' '.repeat(textColumn);
  const [first = '', ...rest] = wrapWords(text, columns - textColumn);
  const lines = rest.map(line => indent + line);
  const begin = name.length + 2 <= textColumn ? [name.padEnd(textColumn) + first] : [name, indent + first];
  return [...begin, ...lines].map(line => line.trimEnd()).join('\n');
}

/** Lines of whole words, `[env: NAME]` being one; a word that is longer than a line has one of its own. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(/\[env: \w+\]|\S+/gu) ?? []) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
