import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, concatBytes } from '../../../src/lib/bytes.ts';
import { GrowingBytes } from '../../../src/lib/growing-bytes.ts';
import { RecordTable, sortRecords } from '../../../src/lib/record-table.ts';
import { TextList } from '../../../src/lib/text-list.ts';

const WIDTH = 8;
/** Few different bytes, so that many are equal or nearly so. */
const records = fc.array(fc.uint8Array({ minLength: WIDTH, maxLength: WIDTH, max: 2 }), { maxLength: 200 });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('RecordTable', () => {
  it('RecordTable numbers records as a map of their hex does, and finds each again', () => {
    fc.assert(
      fc.property(records, records, (added, others) => {
        const table = new RecordTable(WIDTH);
        const expected = new Map<string, number>();
        for (const record of added) {
          if (!expected.has(hex(record))) expected.set(hex(record), expected.size);
          expect(table.add(record)).toBe(expected.get(hex(record)));
        }
        expect(table.length).toBe(expected.size);
        for (const record of [...added, ...others]) {
          expect(table.placeOf(record)).toBe(expected.get(hex(record)));
          expect(table.has(record)).toBe(expected.has(hex(record)));
        }
        for (const [text, place] of expected) expect(hex(table.at(place))).toBe(text);
        expect(hex(table.flat())).toBe([...expected.keys()].join(''));
        expect(hex(RecordTable.of(concatBytes(added), WIDTH).flat())).toBe(hex(table.flat()));
      }),
    );
  });

  it('RecordTable keeps what it was given, whatever becomes of the bytes', () => {
    const table = new RecordTable(2);
    const record = Uint8Array.of(1, 2);
    table.add(record);
    record.fill(0);
    expect(table.at(0)).toEqual(Uint8Array.of(1, 2));
    expect(table.placeOf(Uint8Array.of(1, 2))).toBe(0);
  });

  it('RecordTable refuses a record of another length', () => {
    expect(() => new RecordTable(2).add(Uint8Array.of(1))).toThrow(RangeError);
  });
});

it('sortRecords gives the order of compareBytes', () => {
  fc.assert(
    fc.property(records, given => {
      const flat = concatBytes(given);
      expect(hex(sortRecords(flat, WIDTH))).toBe(hex(concatBytes(given.toSorted(compareBytes))));
      expect(hex(flat)).toBe(hex(concatBytes(given)));
    }),
  );
});

it('GrowingBytes gives back what was added to it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.integer({ min: 1, max: 50 }),
      (given, capacity) => {
        const bytes = new GrowingBytes(capacity);
        for (const piece of given) bytes.append(piece);
        expect(hex(bytes.subarray())).toBe(hex(concatBytes(given)));
        expect(bytes.subarray()).toHaveLength(bytes.length);
      },
    ),
  );
});

it('GrowingBytes of some size grows where it is: views stay good, and no array is left behind', () => {
  const bytes = new GrowingBytes();
  const piece = new Uint8Array(64 * 1024);
  const fill = (count: number) => {
    for (let i = 0; i < count; i++) {
      piece.fill(bytes.length / piece.length);
      bytes.append(piece);
    }
  };
  fill(32);
  const early = bytes.subarray();
  fill(200);
  expect(bytes.subarray().buffer).toBe(early.buffer);
  // An eighth more than what is in use, at most: twice as much is what an array of its own has on average.
  expect(early.buffer.byteLength).toBeLessThanOrEqual(1.125 * bytes.length);
  // More than the first one has addresses for.
  fill(300);
  const all = bytes.subarray();
  expect(all).toHaveLength(532 * piece.length);
  for (let i = 0; i < 532; i++) {
    expect([all[i * piece.length], all[(i + 1) * piece.length - 1]]).toEqual([i & 255, i & 255]);
  }
  expect(early[31 * piece.length]).toBe(31);
});

it.each([100, 4 * 1024 * 1024])('GrowingBytes of %i bytes gives room back and grows again', length => {
  const bytes = new GrowingBytes();
  bytes.append(new Uint8Array(length).fill(7));
  bytes.truncate(10);
  expect(bytes.length).toBe(10);
  expect(bytes.subarray()).toEqual(new Uint8Array(10).fill(7));
  expect(bytes.subarray().buffer.byteLength).toBe(10);
  bytes.append(new Uint8Array(length).fill(8));
  expect(bytes.length).toBe(length + 10);
  expect([bytes.subarray(9)[0], bytes.subarray(10)[0], bytes.subarray().at(-1)]).toEqual([7, 8, 8]);
});

it('TextList gives back each text at its place', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 60 }), given => {
      const texts = new TextList();
      for (const text of given) texts.push(text);
      expect(texts.length).toBe(given.length);
      expect(given.map((_, place) => texts.at(place))).toEqual(given);
      expect([texts.at(-1), texts.at(given.length)]).toEqual([undefined, undefined]);
    }),
  );
});
