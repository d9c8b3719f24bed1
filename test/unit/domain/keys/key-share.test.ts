import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CURVE_ORDER, randomCoefficients } from '../../../../src/domain/consensus/secret-polynomial.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { combineKeyShares, createShareTest, splitSecretKey } from '../../../../src/domain/keys/key-share.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedShares {
  private_key: string;
  threshold: number;
  total: number;
  coefficients_1_to_t_minus_1: string[];
  shares: string[];
  share_public_keys: string[];
}

const secretKey = fc
  .bigInt({ min: 1n, max: CURVE_ORDER - 1n })
  .map(scalar => fromHex(scalar.toString(16).padStart(64, '0')));

/** A scheme and as many distinct share indexes, in any order, as `take` says. */
const schemeAnd = (take: (threshold: number) => number) =>
  fc
    .integer({ min: 2, max: 12 })
    .chain(count => fc.record({ count: fc.constant(count), threshold: fc.integer({ min: 2, max: count }) }))
    .chain(({ count, threshold }) =>
      fc.record({
        count: fc.constant(count),
        threshold: fc.constant(threshold),
        indexes: fc.shuffledSubarray([...Array(count).keys()], {
          minLength: take(threshold),
          maxLength: take(threshold),
        }),
      }),
    );

describe('key shares', () => {
  it.each(readRecordedJson<RecordedShares[]>('04-shamir/shares.json'))(
    'splitSecretKey with the recorded coefficients gives the recorded shares ($threshold of $total)',
    recorded => {
      const shares = splitSecretKey(fromHex(recorded.private_key), {
        threshold: recorded.threshold,
        count: recorded.total,
        coefficients: () => recorded.coefficients_1_to_t_minus_1.map(BigInt),
      });
      expect(shares.map(toHex)).toEqual(recorded.shares);
      expect(shares.map(share => toHex(publicKeyOf(share)))).toEqual(recorded.share_public_keys);
    },
  );

  it('combineKeyShares gives the key from any threshold of shares, in any order', () => {
    fc.assert(
      fc.property(
        secretKey,
        schemeAnd(threshold => threshold),
        (secret, { count, threshold, indexes }) => {
          const shares = splitSecretKey(secret, { threshold, count });
          expect(
            combineKeyShares(indexes.map(index => ({ index, secretKey: shareAt(shares, index) }))),
          ).toEqual(secret);
        },
      ),
    );
  });

  it('createShareTest accepts all shares of one polynomial of the key, and none mixed from two', () => {
    fc.assert(
      fc.property(
        secretKey,
        secretKey,
        schemeAnd(() => 1),
        (secret, otherSecret, { count, threshold, indexes: [place = 0] }) => {
          const isOf = createShareTest({ threshold, count });
          const shares = splitSecretKey(secret, { threshold, count });
          const others = splitSecretKey(secret, { threshold, count });
          expect(isOf(secret, shares)).toBe(true);
          expect(isOf(secret, shares.slice(1))).toBe(false);
          expect(isOf(otherSecret, shares)).toBe(toHex(otherSecret) === toHex(secret));
          const mixed = shares.with(place, shareAt(others, place));
          expect(isOf(secret, mixed)).toBe(threshold === 1);
        },
      ),
    );
  });

  it('createShareTest notices shares of two polynomials of a key where both ends recombine', () => {
    const secret = new Uint8Array(32).fill(7);
    const scheme = { threshold: 2, count: 4 };
    const [first, second] = [splitSecretKey(secret, scheme), splitSecretKey(secret, scheme)];
    const mixed = [...first.slice(0, 2), ...second.slice(2)];
    const combine = (places: readonly number[]) =>
      combineKeyShares(places.map(index => ({ index, secretKey: shareAt(mixed, index) })));
    expect([combine([0, 1]), combine([2, 3])]).toEqual([secret, secret]);
    expect(createShareTest(scheme)(secret, mixed)).toBe(false);
  });

  it('combineKeyShares gives another key with one share fewer than the threshold', () => {
    fc.assert(
      fc.property(
        secretKey,
        schemeAnd(threshold => threshold - 1),
        (secret, { count, threshold, indexes }) => {
          const shares = splitSecretKey(secret, { threshold, count });
          expect(
            combineKeyShares(indexes.map(index => ({ index, secretKey: shareAt(shares, index) }))),
          ).not.toEqual(secret);
        },
      ),
    );
  });

  it('splitSecretKey with threshold 1 makes every share the key itself', () => {
    const secret = createHash('sha256').update('low').digest();
    secret[0] = 0;
    expect(splitSecretKey(secret, { threshold: 1, count: 3 })).toEqual(Array(3).fill(new Uint8Array(secret)));
  });

  it('splitSecretKey draws fresh coefficients each time', () => {
    const secret = new Uint8Array(32).fill(1);
    expect(splitSecretKey(secret, { threshold: 2, count: 3 })).not.toEqual(
      splitSecretKey(secret, { threshold: 2, count: 3 }),
    );
  });

  it('randomCoefficients draws numbers below the order that fill its range', () => {
    const drawn = randomCoefficients(2000);
    expect(drawn.every(coefficient => coefficient >= 0n && coefficient < CURVE_ORDER)).toBe(true);
    expect(new Set(drawn).size).toBe(2000);
    // Uniform below r: a tenth of them in each tenth, give or take seven standard deviations.
    const tenths = Array(10).fill(0);
    for (const coefficient of drawn) tenths[Number((coefficient * 10n) / CURVE_ORDER)] += 1;
    for (const count of tenths) expect(Math.abs(count - 200)).toBeLessThan(95);
  });

  it.each([
    { threshold: 0, count: 3 },
    { threshold: 4, count: 3 },
    { threshold: 1.5, count: 3 },
  ])('splitSecretKey refuses threshold $threshold of $count', scheme => {
    expect(() => splitSecretKey(new Uint8Array(32).fill(1), scheme)).toThrow(RangeError);
  });

  it('splitSecretKey refuses what is no secret key, and combineKeyShares no shares and a share given twice', () => {
    const scheme = { threshold: 2, count: 3 };
    expect(() => splitSecretKey(new Uint8Array(32), scheme)).toThrow(RangeError);
    expect(() => splitSecretKey(new Uint8Array(32).fill(0xff), scheme)).toThrow(RangeError);
    expect(() => splitSecretKey(new Uint8Array(31), scheme)).toThrow(RangeError);
    const share = { index: 1, secretKey: new Uint8Array(32).fill(1) };
    expect(() => combineKeyShares([share, share])).toThrow(RangeError);
    expect(() => combineKeyShares([])).toThrow(RangeError);
  });
});

function shareAt(shares: readonly Uint8Array[], index: number): Uint8Array {
  return shares[index] ?? expect.fail(`no share ${index}`);
}
