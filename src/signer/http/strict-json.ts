/**
 * Parses JSON in which no object names a member twice. `JSON.parse` refuses all else that is not JSON, but of two members
 * of one name it silently keeps the last: two readers of one request could then understand two different things.
 * @throws SyntaxError
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (countWrittenMembers(text) !== countKeptMembers(value)) throw new SyntaxError('a member stands twice');
  return value;
}

/** Counts the members as written: in valid JSON every string that a colon follows is a member's name, and nothing else. */
function countWrittenMembers(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at)) {
    at = endOfString(text, at);
    while (isSpace(text.charCodeAt(at))) at += 1;
    if (text.charCodeAt(at) === 0x3a) count += 1;
  }
  return count;
}

/** Place behind the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let slashes = quote;
    while (text.charCodeAt(slashes - 1) === 0x5c) slashes -= 1;
    if ((quote - slashes) % 2 === 0) return quote + 1;
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function countKeptMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members = Object.values(value);
  return members.reduce<number>(
    (sum, member) => sum + countKeptMembers(member),
    Array.isArray(value) ? 0 : members.length,
  );
}
