/** Columns of the names on the left, and of the gap behind them. */
const LABEL_WIDTH = 11;

/**
 * A named row of a screen: its parts one after another, in as many lines as they take. A part is broken only where it is longer
 * than a line.
 */
export function row(label: string, parts: readonly string[], columns: number): string[] {
  const lines = fill(parts, columns - LABEL_WIDTH, '   ');
  return lines.map((line, i) => `${(i === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`.trimEnd());
}

/** A paragraph whose further lines stand below the first one's text. @param lead - what the first line begins with */
export function paragraph(lead: string, text: string, columns: number): string[] {
  const lines = fill(text.split(' '), columns - lead.length, ' ');
  return lines.map((line, i) => (i === 0 ? lead : ' '.repeat(lead.length)) + line);
}

function fill(parts: readonly string[], width: number, gap: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const part of parts.flatMap(one => breakUp(one, width))) {
    const longer = line === '' ? part : `${line}${gap}${part}`;
    if (longer.length <= width) line = longer;
    else {
      lines.push(line);
      line = part;
    }
  }
  return [...lines, line];
}

/** A part that is longer than a line, at its blanks, or where it has none anywhere. */
function breakUp(part: string, width: number): string[] {
  if (part.length <= width) return [part];
  const at = part.lastIndexOf(' ', width);
  const end = at > 0 ? at : width;
  return [part.slice(0, end), ...breakUp(part.slice(end).trimStart(), width)];
}
