import { expect, it } from 'vitest';
import { describeJsonError } from '../../../src/lib/json-error.ts';

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
