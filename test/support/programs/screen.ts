/**
 * What a terminal shows in the end: the lines after all overwriting, as far as line editing and progress bars need it
 * (carriage return, column, erase in line, save and restore). Anything else that moves the cursor is an error.
 */
export function renderScreen(output: string): string {
  const lines: string[][] = [[]];
  let [row, column] = [0, 0];
  let saved: readonly [number, number] = [0, 0];
  for (const [token] of output.matchAll(TOKEN)) {
    const line = lines[row] ?? [];
    lines[row] = line;
    if (token === '\r') column = 0;
    else if (token === '\n') {
      [row, column] = [row + 1, 0];
      lines[row] ??= [];
    } else if (token === '\u001b7') saved = [row, column];
    else if (token === '\u001b8') [row, column] = saved;
    else if (!token.startsWith('\u001b')) line[column++] = token;
    else {
      const [, parameter = '', command = ''] = SEQUENCE.exec(token) ?? [];
      if (command === 'G') column = Number(parameter || 1) - 1;
      else if (command === 'K' && parameter === '2') lines[row] = [];
      else if (command === 'K') line.length = Math.min(line.length, column);
      else if (!'hlm'.includes(command)) throw new Error(`a cursor movement: ${JSON.stringify(token)}`);
    }
  }
  return lines.map(line => Array.from(line, character => character ?? ' ').join('')).join('\n');
}

// biome wants no control characters in patterns; they are what this is about, so they come from a string.
const ESCAPE = '\\u001b';
const TOKEN = new RegExp(`${ESCAPE}\\[[?0-9;]*[A-Za-z]|${ESCAPE}[78]|[^]`, 'gu');
const SEQUENCE = new RegExp(`^${ESCAPE}\\[([?0-9;]*)([A-Za-z])$`);
