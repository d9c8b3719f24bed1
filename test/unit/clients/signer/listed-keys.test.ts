import { describe, expect, it } from 'vitest';
import { ListedKeys } from '../../../../src/clients/signer/listed-keys.ts';

const KEY = 'ab'.repeat(48);
const ZEROS = '00'.repeat(48);
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

function read(...pieces: readonly string[]): string | undefined {
  const listed = new ListedKeys();
  for (const piece of pieces) listed.add(bytes(piece));
  const keys = listed.end();
  return keys && Buffer.from(keys).toString('hex');
}

describe('ListedKeys', () => {
  it.each([
    ['an empty list', ['[]'], ''],
    ['one key', [`["0x${KEY}"]`], KEY],
    ['a key of zeros', [`["0x${ZEROS}"]`], ZEROS],
    ['a key without 0x', [`["${KEY}"]`], KEY],
    ['a key of zeros without 0x', [`["${ZEROS}"]`], ZEROS],
    ['capital digits', [`["0x${KEY.toUpperCase()}"]`], KEY],
    ['two keys with blanks', [` [ "0x${KEY}" ,\n\t"0x${ZEROS}" ] \r\n`], KEY + ZEROS],
    ['pieces of one byte', [...`["0x${KEY}","0x${ZEROS}"]`], KEY + ZEROS],
  ])('ListedKeys reads %s', (_, pieces, keys) => {
    expect(read(...pieces)).toBe(keys);
  });

  it('ListedKeys reads the same and refuses the same wherever the text is cut', () => {
    const text = `["0x${KEY}","${ZEROS}", "0x${ZEROS}","${KEY}"]`;
    const wrong = text.replace(/b"\]$/, 'g"]');
    for (let at = 0; at <= text.length; at++) {
      expect(read(text.slice(0, at), text.slice(at)), String(at)).toBe(KEY + ZEROS + ZEROS + KEY);
      expect(read(wrong.slice(0, at), wrong.slice(at)), String(at)).toBeUndefined();
    }
  });

  it.each([
    ['nothing', ''],
    ['an object', '{}'],
    ['a list that does not end', `["0x${KEY}"`],
    ['a comma at the end', `["0x${KEY}",]`],
    ['a comma at the beginning', `[,"0x${KEY}"]`],
    ['a short key', `["0x${KEY.slice(2)}"]`],
    ['a long key', `["0x${KEY}ab"]`],
    ['a digit that is none', `["0x${KEY.slice(1)}g"]`],
    ['x in the middle', `["0x${KEY.slice(2)}0x"]`],
    ['1x', `["1x${KEY}"]`],
    ['0x twice', `["0x0x${KEY}"]`],
    ['a number', '[7]'],
    ['text behind the list', '[] []'],
    ['two lists', `[["0x${KEY}"]]`],
    ['no comma', `["0x${KEY}" "0x${KEY}"]`],
  ])('ListedKeys refuses %s', (_, text) => {
    expect(read(text)).toBeUndefined();
  });
});
