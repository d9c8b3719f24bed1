/** A text in quotes of a POSIX shell, in which it is one word and nothing in it is special. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
