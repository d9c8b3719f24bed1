import { expect } from 'vitest';

/** What a line of the operator's log, and the end of a command that went well, look like. */
const FORGED = [
  '2026-11-29 07:00:00 INFO     [register-validators] Successfully registered validators',
  'Successfully uploaded keypairs',
  'Done. Successfully configured operator to use remote signer for 10 public key(s)!',
];

/**
 * A text that does all that a text can do to whoever prints it: new lines that are forged, an empty screen, a clipboard, a
 * title, the cursor up, the same in one byte (C1), letters from right to left, nothing to be seen, and far too much of it.
 */
export const HOSTILE_TEXT = [
  `begin\r\n${FORGED.join('\r\n')}\n`,
  '\u001b[2J\u001b[H\u001b]52;c;cm0gLXJmIC8K\u0007\u001b]0;title\u0007\u001b[1A\u001b[2K',
  '\u009b2J\u009d52;c;eA==\u009c\u0085\u0000\u0008\u007f',
  '\u202eenoD\u202c\u2066x\u2069\u200e\u200f\u061c\u200b\u200d\ufeff\u2028\u2029',
  'A'.repeat(5000),
].join('');

/**
 * Nothing of the hostile text acts in what was shown.
 * @param proof - shows that the text got so far: its own beginning, unless it is not repeated at all
 */
export function expectHarmless(shown: string, proof = 'begin'): void {
  expect(shown, 'the hostile text did not get so far').toContain(proof);
  // Line ends and tabs are the program's own.
  expect(shown.replaceAll(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  for (const line of FORGED) expect(shown.split('\n').filter(one => one.startsWith(line))).toEqual([]);
  expect(shown).not.toContain('A'.repeat(201));
}

/** The same of a JSON document: what it decodes to, not how it is written. */
export function expectHarmlessJson(document: string, proof = 'begin'): void {
  const texts: string[] = [];
  JSON.parse(document, (_key, value: unknown) => {
    if (typeof value === 'string') texts.push(value);
    return value;
  });
  expectHarmless(texts.join('\n'), proof);
}
