import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../../../src/signer/http/strict-json.ts';

describe('parseStrictJson', () => {
  it('parseStrictJson reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 2, '\t'), (text, space) => {
        const spaced = JSON.stringify(JSON.parse(text), undefined, space);
        expect(parseStrictJson(spaced)).toEqual(JSON.parse(spaced));
      }),
    );
  });

  it.each([
    '{"a":1,"a":1}',
    '{"a" : 1, "a"\n:2}',
    '{"x":{"b":1,"b":2}}',
    '[{"a":1},{"a":1,"a":1}]',
    String.raw`{"a":1,"\u0061":2}`,
    '{"__proto__":1,"__proto__":2}',
    '{"a":{},"a":{"c":1}}',
  ])('parseStrictJson refuses a member that stands twice: %s', text => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(() => parseStrictJson(text)).toThrow(SyntaxError);
  });

  it.each(['{"a":1} x', '{"a":1}{"a":1}', '{"a":1,}', '// c\n{}', '\ufeff{}', '', "{'a':1}"])(
    'parseStrictJson refuses what is not JSON: %j',
    text => {
      expect(() => parseStrictJson(text)).toThrow(SyntaxError);
    },
  );

  it.each([
    String.raw`{"a":"\"b\":1","c":"\\","d":"x\\\":"}`,
    '{"a":["b","b"],"c":{"a":1}}',
    '{"__proto__":{"a":1},"a":"a"}',
  ])('parseStrictJson is not misled by strings: %s', text => {
    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
  });
});
