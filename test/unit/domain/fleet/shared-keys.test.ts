import { describe, expect, it } from 'vitest';
import { operatorDigest, operatorDigestOf } from '../../../../src/domain/fleet/fact-digests.ts';
import { countShares, SharedKeys, sharesOf } from '../../../../src/domain/fleet/shared-keys.ts';
import { concatBytes } from '../../../../src/lib/bytes.ts';
import { listKeys } from '../../../support/scenes/listed-keys.ts';

const key = (first: number, last = 0) => new Uint8Array(48).fill(first, 0, 1).fill(last, 47);
const SET = new Uint8Array(32).fill(9);

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function page(...validators: { publicKey: Uint8Array; set?: Uint8Array; shares: [number, Uint8Array][] }[]) {
  return concatBytes(
    validators.flatMap(({ publicKey, set = SET, shares }) => {
      const records = concatBytes(shares.flatMap(([index, share]) => [number(index), share]));
      return [publicKey, set, number(records.length), records];
    }),
  );
}

function read(...pages: Uint8Array[]): SharedKeys {
  return SharedKeys.read(pages) ?? expect.fail('not read');
}

describe('SharedKeys', () => {
  const other = new Uint8Array(32).fill(8);
  const pages = [
    page(
      {
        publicKey: key(1),
        shares: [
          [0, key(11)],
          [1, key(12)],
        ],
      },
      { publicKey: key(2), shares: [] },
    ),
    page({
      publicKey: key(3),
      set: other,
      shares: [
        [0, key(31)],
        [2, key(33)],
      ],
    }),
  ];

  it('SharedKeys has every validator of all pages with its shares, and the same digest as the lists of them', () => {
    const keys = read(...pages);
    expect([keys.length, keys.shareCount]).toEqual([3, 4]);
    expect(Array.from(keys, sharesOf)).toEqual([[key(11), key(12)], [], [key(31), key(33)]]);
    expect(Array.from(keys, countShares)).toEqual([2, 0, 1]);
    expect(Array.from(keys.ofSet(other), ({ publicKey }) => publicKey)).toEqual([key(3)]);
    expect(listKeys(keys)).toEqual({
      keypairs: [
        { publicKey: key(1), sharesSetHash: SET },
        { publicKey: key(2), sharesSetHash: SET },
        { publicKey: key(3), sharesSetHash: other },
      ],
      shares: [
        { parentPublicKey: key(1), shareIndex: 0, publicKey: key(11) },
        { parentPublicKey: key(1), shareIndex: 1, publicKey: key(12) },
        { parentPublicKey: key(3), shareIndex: 0, publicKey: key(31) },
        { parentPublicKey: key(3), shareIndex: 2, publicKey: key(33) },
      ],
    });
    const facts = { oracleSet: { hash: SET, configIpfsHash: 'Qm', threshold: 2 }, document: '["ü"]' };
    const inBytes = { ...facts, document: Buffer.from(facts.document) };
    expect(operatorDigestOf(inBytes, keys)).toEqual(operatorDigest({ ...facts, ...listKeys(keys) }));
    expect(operatorDigestOf(inBytes, read())).toEqual(operatorDigest({ ...facts, keypairs: [], shares: [] }));
  });

  it('pages that are cut, or have records of another length, are not read', () => {
    const [whole] = pages as [Uint8Array];
    for (let length = 1; length < whole.length; length++) {
      const isWholeValidator = length === 84 + 2 * 52;
      expect(SharedKeys.read([whole.slice(0, length)]) !== undefined, `${length} bytes`).toBe(
        isWholeValidator,
      );
    }
    const longer = concatBytes([key(1), SET, number(53), new Uint8Array(53)]);
    expect(SharedKeys.read([longer])).toBeUndefined();
    expect(SharedKeys.read([concatBytes([key(1), SET, number(0xffff_ffff)])])).toBeUndefined();
  });

  it('shares are distinct unless one stands twice, however alike their beginnings are', () => {
    const of = (...shares: Uint8Array[]) =>
      read(
        page(
          { publicKey: key(1), shares: shares.slice(0, 2).map((share, i) => [i, share]) },
          { publicKey: key(2), shares: shares.slice(2).map((share, i) => [i, share]) },
        ),
      ).hasDistinctShares();
    expect(of()).toBe(true);
    expect(of(key(3), key(1), key(2), key(4))).toBe(true);
    expect(of(key(7, 1), key(7, 2), key(7, 3), key(1))).toBe(true);
    expect(of(key(7, 1), key(7, 2), key(7, 1), key(1))).toBe(false);
    expect(of(key(3), key(3))).toBe(false);
  });
});
