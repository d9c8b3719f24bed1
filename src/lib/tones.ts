import { styleText } from 'node:util';

/** What a text is to whoever reads it. */
export type Tone = 'warning' | 'error' | 'success' | 'heading';

const STYLES = { warning: 'yellow', error: 'red', success: 'green', heading: 'bold' } as const;

/**
 * A text in the colour of its tone, where it is written to a terminal that shows colours. Node decides that by the stream and
 * by NO_COLOR and FORCE_COLOR.
 */
export function inTone(tone: Tone, text: string, stream: NodeJS.WritableStream): string {
  return styleText(STYLES[tone], text, { stream });
}

/** The first line that begins with this word, with the word in its tone. */
export function startInTone(tone: Tone, word: string, text: string, stream: NodeJS.WritableStream): string {
  if (text.startsWith(word)) return inTone(tone, word, stream) + text.slice(word.length);
  return text.replace(`\n${word}`, () => `\n${inTone(tone, word, stream)}`);
}
