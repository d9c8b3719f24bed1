import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DepositDataEntry, parseDepositData } from '../../../../src/domain/consensus/deposit-data.ts';
import { DepositPieces } from '../../../../src/domain/consensus/deposit-pieces.ts';

const entryOf = (n: number, note = 'a note') => ({
  pubkey: n.toString(16).padStart(96, '0'),
  signature: n.toString(16).padStart(192, '0'),
  amount: 32_000_000_000,
  note,
});
const NOTES = ['', '}, {', '"}]', '\\"},', '[{', 'ü€😀', '\n', ']'];

/** Reads a text that comes in pieces; undefined when it cannot be read so. */
function readPieces(text: string, cuts: readonly number[]): DepositDataEntry[] | undefined {
  const entries: DepositDataEntry[] = [];
  const pieces = new DepositPieces(some => entries.push(...some));
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  for (let i = 1; i < places.length; i++)
    if (!pieces.add(bytes.subarray(places[i - 1], places[i]))) return undefined;
  return pieces.end() ? entries : undefined;
}

function parseWhole(text: string): DepositDataEntry[] | undefined {
  try {
    return parseDepositData(text);
  } catch {
    return undefined;
  }
}

const texts = fc
  .tuple(
    fc.array(fc.tuple(fc.nat(1_000), fc.constantFrom(...NOTES)), { maxLength: 6 }),
    fc.constantFrom(undefined, 1, '\t'),
    fc.constantFrom('', ' ', '\n\r\t '),
  )
  .map(([list, indent, space]) => {
    const json = JSON.stringify(
      list.map(([n, note]) => entryOf(n, note)),
      null,
      indent,
    );
    return `${space}${json}${space}`;
  });
const cutsOf = (text: string) => fc.array(fc.nat(Buffer.byteLength(text)), { maxLength: 12 });

describe('DepositPieces', () => {
  it('DepositPieces gives the entries of a whole text, wherever it is cut', () => {
    fc.assert(
      fc.property(
        texts.chain(text => fc.tuple(fc.constant(text), cutsOf(text))),
        ([text, cuts]) => {
          const read = readPieces(text, cuts);
          // A note that looks like the end of an entry, at a cut, makes a piece that is no list: then it cannot be read so.
          if (read !== undefined) expect(read).toEqual(parseWhole(text));
          else
            expect(NOTES.some(note => note.includes('}') && text.includes(JSON.stringify(note)))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('DepositPieces reads every list of plain entries, however long and however small its pieces', () => {
    const text = JSON.stringify(Array.from({ length: 40 }, (_, n) => entryOf(n)));
    for (const size of [1, 2, 7, 100, 5_000, text.length]) {
      const cuts = Array.from({ length: Math.ceil(text.length / size) - 1 }, (_, i) => (i + 1) * size);
      expect(readPieces(text, cuts)).toEqual(parseWhole(text));
    }
  });

  it('DepositPieces takes no text for a list that is none when it is read as a whole', () => {
    const good = JSON.stringify([entryOf(1), entryOf(2), entryOf(3)]);
    const spoiled = fc
      .tuple(
        fc.nat(good.length),
        fc.nat(3),
        fc.constantFrom('', ',', ']', '[', '}', '{', '"', '}, {', ' ', '0'),
      )
      .map(([place, removed, added]) => good.slice(0, place) + added + good.slice(place + removed));
    fc.assert(
      fc.property(
        spoiled.chain(text => fc.tuple(fc.constant(text), cutsOf(text))),
        ([text, cuts]) => {
          const read = readPieces(text, cuts);
          if (read !== undefined) expect(read).toEqual(parseWhole(text));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each(['', ' ', '{}', '[', '[]]', '[1]', '[{}]', '\ufeff[]', '[,]', `[${JSON.stringify(entryOf(1))},]`])(
    'DepositPieces cannot read %j',
    text => {
      expect(readPieces(text, [])).toBeUndefined();
    },
  );

  it('DepositPieces reads a list without entries', () => {
    expect(readPieces(' [ ] ', [2])).toEqual([]);
  });
});
