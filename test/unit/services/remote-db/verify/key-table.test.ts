import { describe, expect, it } from 'vitest';
import type { StoredSecret } from '../../../../../src/db/sealed-record.ts';
import { concatBytes } from '../../../../../src/lib/bytes.ts';
import { KeyTable } from '../../../../../src/services/remote-db/verify/key-table.ts';

const keyOf = (n: number) => new Uint8Array(48).fill(n);
const secretOf = (n: number) => new Uint8Array(32).fill(n);
const SET = new Uint8Array(32).fill(200);

function validator(n: number): StoredSecret {
  return {
    kind: 'validator',
    publicKey: keyOf(n),
    parentPublicKey: null,
    oracleSetHash: null,
    shareIndex: null,
    dataKeyId: 1,
    nonce: new Uint8Array(12),
    ciphertext: new Uint8Array(48),
  };
}

function share(n: number, parent: number, shareIndex: number): StoredSecret {
  return {
    ...validator(n),
    kind: 'share',
    parentPublicKey: keyOf(parent),
    oracleSetHash: SET,
    shareIndex,
  };
}

/** Adds rows in pages of so many; the secret key of each has its number's bytes. */
function fill(
  table: KeyTable,
  rows: readonly StoredSecret[],
  pageLength: number,
  refused: readonly number[] = [],
) {
  const pages: Uint8Array[] = [];
  for (let from = 0; from < rows.length; from += pageLength) {
    const page = rows.slice(from, from + pageLength);
    const secretKeys = concatBytes(page.map(({ publicKey }) => secretOf(publicKey[0] ?? 0)));
    table.addPage(page, {
      secretKeys,
      refused: refused.filter(row => row >= from && row < from + page.length).map(row => row - from),
    });
    pages.push(secretKeys);
  }
  return pages;
}

// In the order of public keys, so that shares come before and after their validators.
const ROWS = [
  share(1, 4, 1),
  validator(2),
  share(3, 2, 0),
  validator(4),
  share(5, 4, 0),
  share(6, 2, 2),
  share(7, 2, 1),
];

describe('KeyTable', () => {
  it.each([1, 2, 3, 6, 7, 8])(
    'KeyTable brings shares together by validator and place, from pages of %i rows',
    pageLength => {
      using table = new KeyTable();
      fill(table, ROWS, pageLength);
      expect(table.shareCount).toBe(5);
      expect(table.find(keyOf(2))).toEqual({
        hasOwnRow: true,
        secretKey: secretOf(2),
        shares: [3, 7, 6].map((n, place) => ({ place, secretKey: secretOf(n) })),
      });
      expect(table.find(keyOf(4))).toEqual({
        hasOwnRow: true,
        secretKey: secretOf(4),
        shares: [5, 1].map((n, place) => ({ place, secretKey: secretOf(n) })),
      });
    },
  );

  it('KeyTable has no key where a row was refused, and no validator of which no row tells', () => {
    using table = new KeyTable();
    fill(table, ROWS, 3, [1, 4]);
    expect(table.find(keyOf(2))).toMatchObject({ hasOwnRow: true, secretKey: undefined });
    expect(table.find(keyOf(4))?.shares).toEqual([
      { place: 0, secretKey: undefined },
      { place: 1, secretKey: secretOf(1) },
    ]);
    expect(table.find(keyOf(9))).toBeUndefined();
    // A share's key is no validator's.
    expect(table.find(keyOf(5))).toBeUndefined();
  });

  it('KeyTable knows a validator by its shares alone, and one without shares', () => {
    using table = new KeyTable();
    fill(table, [share(1, 9, 0), validator(2)], 2);
    expect(table.find(keyOf(9))).toMatchObject({
      hasOwnRow: false,
      secretKey: undefined,
      shares: [{ place: 0 }],
    });
    expect(table.find(keyOf(2))).toEqual({
      hasOwnRow: true,
      secretKey: secretOf(2),
      shares: [],
    });
    using empty = new KeyTable();
    expect([empty.shareCount, empty.find(keyOf(2))]).toEqual([0, undefined]);
  });

  it('KeyTable takes rows after it was asked', () => {
    using table = new KeyTable();
    fill(table, ROWS.slice(0, 4), 4);
    expect(table.find(keyOf(4))?.shares).toHaveLength(1);
    fill(table, ROWS.slice(4), 4);
    expect(table.find(keyOf(4))?.shares).toHaveLength(2);
    // The page before was not full.
    expect(() => fill(table, [validator(8)], 4)).toThrow(RangeError);
  });

  it('KeyTable overwrites every key when it is disposed', () => {
    const table = new KeyTable();
    const pages = fill(table, ROWS, 3);
    table[Symbol.dispose]();
    for (const page of pages) expect(page).toEqual(new Uint8Array(page.length));
  });
});
