import { describe, expect, it } from 'vitest';
import { ExternalError, messageOf, OperatorError, stackOf } from '../../../src/lib/errors.ts';
import { foreignText, oneLine, printable } from '../../../src/lib/foreign-text.ts';

/** One of every kind that acts: C0, DEL, C1, direction, zero width, byte order mark, separators, half a character. */
const ACTING = [
  '\u0000',
  '\u0007',
  '\u001b',
  '\r',
  '\u007f',
  '\u0085',
  '\u009b',
  '\u061c',
  '\u200b',
  '\u200e',
  '\u200f',
].concat(['\u202a', '\u202e', '\u2066', '\u2069', '\ufeff', '\u2028', '\u2029', '\ud800', '\u{e0041}']);

describe('foreign text', () => {
  it.each(ACTING)('foreignText, oneLine and printable replace %j by a space', character => {
    for (const clean of [foreignText, oneLine, printable]) {
      expect(clean(`a${character}b`)).toBe('a b');
    }
  });

  it('foreignText gives one line of 200 characters at most', () => {
    expect(foreignText(' two\n\n\tlines\u001b[2J ')).toBe('two lines [2J');
    expect(foreignText('x'.repeat(200))).toBe('x'.repeat(200));
    expect(foreignText('x'.repeat(201))).toBe(`${'x'.repeat(199)}…`);
    expect([...foreignText('😀'.repeat(1_000_000))]).toHaveLength(200);
    expect(foreignText('😀'.repeat(1_000_000)).isWellFormed()).toBe(true);
  });

  it('foreignText, oneLine and printable keep every letter and sign of any language', () => {
    const text = 'Grüße, 日本語 «ключ» ﷽ €5 – 10 %';
    expect([foreignText(text), oneLine(text), printable(text)]).toEqual([text, text, text]);
  });

  it('printable keeps newlines and tabs, and no other control characters', () => {
    expect(printable('one\n\ttwo\r\n\u001b[1A')).toBe('one\n\ttwo \n [1A');
  });
});

describe('errors', () => {
  it('an error of the program says one line, whatever is put into it, unless its lines are its own', () => {
    expect(new OperatorError('disk-full', 'a\nb\u001b').message).toBe('a b');
    expect(new ExternalError('timeout', 'a\nb\u001b[2J', { hasLines: true }).message).toBe('a\nb [2J');
  });

  it('messageOf makes one short line of another maker’s message, and leaves the program’s own as they are', () => {
    expect(messageOf(new Error('quoted:\n\u001b]0;x\u0007'))).toBe('quoted: ]0;x');
    expect(messageOf(new TypeError('x'.repeat(900)))).toHaveLength(200);
    expect(messageOf(new OperatorError('disk-full', 'x'.repeat(900)))).toHaveLength(900);
    expect(messageOf(new AggregateError([new Error('a\r'), new OperatorError('disk-full', 'b')], ''))).toBe(
      'a; b',
    );
  });

  it('stackOf indents every line of a bug’s message but the first', () => {
    const stack = stackOf(new Error('bad\n2026-11-29 07:00:00 INFO forged\u001b[2J'));
    expect(stack).toMatch(/^Error: bad\n {4}2026-11-29 07:00:00 INFO forged \[2J\n {4}at /);
  });
});
