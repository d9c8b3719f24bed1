import { describe, expect, it } from 'vitest';
import { parseDepositData } from '../../../../src/domain/consensus/deposit-data.ts';
import { parsePackedDeposits } from '../../../../src/domain/consensus/packed-deposits.ts';

const entryOf = (n: number, note = '') => ({
  pubkey: n.toString(16).padStart(96, '0'),
  signature: n.toString(16).padStart(192, '0'),
  note,
});

function parse(text: string) {
  const entries = parsePackedDeposits(Buffer.from(text), 'a file');
  return entries.map(({ publicKey, signature }) => ({ publicKey, signature }));
}

function parseWhole(text: string) {
  return parseDepositData(text).map(({ publicKey, signature }) => ({ publicKey, signature }));
}

describe('parsePackedDeposits', () => {
  it('parsePackedDeposits gives keys and signatures of a text of many pieces, in order', () => {
    // Letters of two and four bytes: pieces of the text are cut within them.
    const text = JSON.stringify(Array.from({ length: 3_000 }, (_, n) => entryOf(n, 'ü😀')));
    expect(parse(text)).toEqual(parseWhole(text));
    expect(parse('[]')).toEqual([]);
  });

  it('parsePackedDeposits reads a text that cannot be cut into pieces', () => {
    const entries = Array.from({ length: 2_000 }, (_, n) => entryOf(n, '"}, {"'.repeat(40)));
    const text = JSON.stringify(entries);
    expect(parse(text)).toEqual(parseWhole(text));
  });

  it.each([
    ['no JSON', 'deposit-data-not-json'],
    ['{}', 'deposit-data-invalid'],
    [JSON.stringify([entryOf(1), { ...entryOf(2), signature: '0x00' }]), 'deposit-data-invalid'],
  ])('parsePackedDeposits refuses %s by the name of the file', (text, code) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('a file') }),
    );
  });
});
