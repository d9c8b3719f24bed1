/** Most characters of one text of somebody else in what this program says. */
const MAX_LENGTH = 200;
/** How much of a text is looked at: it may be as long as an answer may be. */
const MAX_LOOKED_AT = 4 * MAX_LENGTH;

/**
 * Characters that do something instead of being seen: controls of terminals (C0, DEL, C1), of the direction of writing,
 * without width, separators of lines, halves of a character.
 */
const ACTING = String.raw`\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}`;
const ACTING_OR_SPACE = new RegExp(String.raw`[\s${ACTING}]+`, 'gu');
const ACTING_BUT_LINES = new RegExp(String.raw`(?![\n\t])[${ACTING}]`, 'gu');
const ACTS = new RegExp(`[${ACTING}]`, 'u');

/**
 * A text of somebody else (an oracle, a node, a signer, a database, a file, a parser that quotes one), fit to stand in a
 * sentence of this program: one line, nothing in it that acts on a terminal or a log, 200 characters at most.
 */
export function foreignText(text: string): string {
  const line = oneLine(text.slice(0, MAX_LOOKED_AT));
  const characters = [...line];
  const isCut = characters.length > MAX_LENGTH || text.length > MAX_LOOKED_AT;
  return isCut ? `${characters.slice(0, MAX_LENGTH - 1).join('')}…` : line;
}

/** A sentence as one line without anything that acts: what errors, warnings and lines of a log are, whatever was put into them. */
export function oneLine(text: string): string {
  return ACTS.test(text) ? text.replace(ACTING_OR_SPACE, ' ').trim() : text;
}

/** A text as a terminal may be given it: with its lines and tabs, and without anything else that acts. */
export function printable(text: string): string {
  return ACTS.test(text) ? text.replace(ACTING_BUT_LINES, ' ') : text;
}

/** A replacer for `JSON.stringify`: no string of the document acts on the terminal of whoever prints it afterwards. */
export function printableMember(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? printable(value) : value;
}
