import { decodePercents } from './percent-decoding.ts';

/** Stands where a secret stood. */
const MASK = '***';
/** Shorter ones would mask half of every line; nothing so short is worth keeping secret. */
const MIN_SECRET_LENGTH = 4;

/**
 * Makes a function that takes secrets out of texts: the last net under what clients and services leave out of their
 * messages by themselves.
 * @param secrets - as they were given; how they look inside a URL, a JSON string and base64 is known here
 */
export function createScrubber(secrets: readonly (string | undefined)[]): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    const text = secret?.trim() ?? '';
    if (text.length < MIN_SECRET_LENGTH) continue;
    for (const form of [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)]) forms.add(form);
    forms.add(Buffer.from(text).toString('base64'));
  }
  // A secret may be part of another one.
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  return text => longestFirst.reduce((rest, form) => rest.replaceAll(form, MASK), text);
}

/** The parts of a URL that may be secret: credentials, API keys in path and query. */
export function secretPartsOf(url: string): string[] {
  // A database URL may name several hosts.
  if (!URL.canParse(url)) return [/:\/\/[^:@/]*:([^@]*)@/.exec(url)?.[1] ?? ''].filter(Boolean);
  const { username, password, pathname, search } = new URL(url);
  // A name alone is a token.
  const credentials =
    password === '' ? [username].filter(Boolean) : [decodePercents(password), `${username}:${password}`];
  const segments = pathname.split('/').filter(part => part.length >= 16);
  const values = [...new URLSearchParams(search).values()];
  return [...credentials, ...segments, ...values];
}
