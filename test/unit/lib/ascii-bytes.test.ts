import { expect, it } from 'vitest';
import { AsciiBytes } from '../../../src/lib/ascii-bytes.ts';

it('AsciiBytes has its pieces one after another, and hex digits in lower case', () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const text = new AsciiBytes(2 + 512 + 1).text('0x').hex(all).text(';').bytes;
  expect(Buffer.from(text).toString('latin1')).toBe(`0x${Buffer.from(all).toString('hex')};`);
});

it('AsciiBytes refuses what does not fit, and text that is not ASCII', () => {
  expect(() => new AsciiBytes(3).text('four')).toThrow(RangeError);
  expect(() => new AsciiBytes(3).hex(new Uint8Array(2))).toThrow(RangeError);
  expect(() => new AsciiBytes(9).text('é')).toThrow(RangeError);
});
