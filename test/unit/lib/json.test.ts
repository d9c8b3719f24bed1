import { expect, it } from 'vitest';
import { describeJsonError, parseJson } from '../../../src/lib/json.ts';

it.each([
  ['{"a": 1', "Expected ',' or '}' after property value in JSON at position 7 (line 1 column 8)"],
  ['', 'Unexpected end of JSON input'],
  ['secret', 'something stands where it may not'],
  ['{"a": secret}', 'something stands where it may not'],
])('describeJsonError says what is wrong with %j without its text', (text, expected) => {
  let said = 'nothing';
  try {
    JSON.parse(text);
  } catch (error) {
    said = describeJsonError(error);
  }
  expect(said).toBe(expected);
});

it('parseJson gives the value of a text, and undefined for a text that is no JSON', () => {
  expect([parseJson('{"a":[1]}'), parseJson('null'), parseJson(' "x" ')]).toEqual([{ a: [1] }, null, 'x']);
  expect([parseJson(''), parseJson('{'), parseJson('undefined')]).toEqual([undefined, undefined, undefined]);
});
