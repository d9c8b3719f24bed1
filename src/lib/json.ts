import { messageOf } from './errors.ts';
import { withoutMark } from './text.ts';

/** The value of a JSON text, with a byte order mark or without; undefined, which is no value of JSON, for a text that is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(withoutMark(text));
  } catch {
    return undefined;
  }
}

/**
 * What `JSON.parse` had against a text, without a word of it: some of its messages quote the place, and whoever names the
 * wrong file may have named one with a mnemonic or a key.
 */
export function describeJsonError(error: unknown): string {
  const message = messageOf(error);
  return message.includes('"') ? 'something stands where it may not' : message;
}
