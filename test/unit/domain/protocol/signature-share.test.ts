import { bls12_381 } from '@noble/curves/bls12-381.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { signMessage, verifySignature } from '../../../../src/domain/consensus/bls.ts';
import { CURVE_ORDER, randomCoefficients } from '../../../../src/domain/consensus/secret-polynomial.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../../../src/domain/keys/key-share.ts';
import { createPointCombiner, type PointCombiner } from '../../../../src/domain/protocol/point-combiner.ts';
import {
  areSharesOfSignature,
  findKeySharesFault,
  splitSignature,
} from '../../../../src/domain/protocol/signature-share.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedShares {
  private_key: string;
  public_key: string;
  threshold: number;
  total: number;
  coefficients_1_to_t_minus_1: string[];
  share_public_keys: string[];
  message: string;
  full_signature: string;
  share_signatures: string[];
  recombined: { indexes: number[]; signature: string }[];
  recombined_too_few: { indexes: number[]; signature: string } | null;
}

interface RecordedExits {
  threshold: number;
  shards: {
    private_key: string;
    coefficients: string[];
    message: string;
    public_key_shards: string[];
    decrypted: string[];
    recombined_0_1_2: string;
  }[];
}

let combiner: PointCombiner;
beforeAll(async () => {
  combiner = await createPointCombiner();
});

function pick(points: readonly (string | Uint8Array)[], indexes: readonly number[]) {
  return indexes.map(index => {
    const point = points[index] ?? '';
    return { index, point: typeof point === 'string' ? fromHex(point) : point };
  });
}

describe('recorded shares', () => {
  const schemes = readRecordedJson<RecordedShares[]>('04-shamir/shares.json');

  it.each(schemes)(
    'splitSignature with the recorded coefficients gives the recorded shares ($threshold of $total)',
    recorded => {
      const split = splitSignature({
        threshold: recorded.threshold,
        count: recorded.total,
        publicKey: fromHex(recorded.public_key),
        message: fromHex(recorded.message),
        signature: fromHex(recorded.full_signature),
        coefficients: () => recorded.coefficients_1_to_t_minus_1.map(BigInt),
      });
      expect(split.signatures.map(toHex)).toEqual(recorded.share_signatures);
      expect(split.publicKeys.map(toHex)).toEqual(recorded.share_public_keys);
    },
  );

  it.each(schemes)(
    'combineSignatures recombines the recorded shares, and their keys lie on one polynomial ($threshold of $total)',
    recorded => {
      for (const { indexes, signature } of recorded.recombined) {
        const shares = pick(recorded.share_signatures, indexes);
        expect(toHex(combiner.combineSignatures(shares))).toBe(signature);
      }
      const publicKeys = recorded.share_public_keys.map(key => fromHex(key, 48));
      expect(
        findKeySharesFault(fromHex(recorded.public_key), publicKeys, recorded.threshold),
      ).toBeUndefined();
      const signatures = recorded.share_signatures.map(signature => fromHex(signature, 96));
      expect(areSharesOfSignature(fromHex(recorded.full_signature), signatures, recorded.threshold)).toBe(
        true,
      );
      const few = recorded.recombined_too_few;
      if (few === null) return;
      const signature = combiner.combineSignatures(pick(recorded.share_signatures, few.indexes));
      expect(toHex(signature)).not.toBe(recorded.full_signature);
    },
  );

  const exits = readRecordedJson<RecordedExits>('05-ecies/exit_shards_local.json');
  it.each(exits.shards)(
    'splitSignature and signing with shares of the key give the same recorded shares of an exit',
    recorded => {
      const scheme = { threshold: exits.threshold, count: recorded.decrypted.length };
      const secretKey = fromHex(recorded.private_key);
      const message = fromHex(recorded.message);
      const coefficients = () => recorded.coefficients.map(BigInt);
      const keys = splitSecretKey(secretKey, { ...scheme, coefficients });
      const split = splitSignature({
        ...scheme,
        coefficients,
        publicKey: publicKeyOf(secretKey),
        message,
        signature: signMessage(secretKey, message),
      });
      expect(keys.map(key => toHex(signMessage(key, message)))).toEqual(recorded.decrypted);
      expect(split.signatures.map(toHex)).toEqual(recorded.decrypted);
      expect(split.publicKeys.map(toHex)).toEqual(recorded.public_key_shards);
      const combined = combiner.combineSignatures(pick(recorded.decrypted, [0, 1, 2]));
      expect(toHex(combined)).toBe(recorded.recombined_0_1_2);
    },
  );
});

describe('splitting a signature', () => {
  const message = new Uint8Array(32).fill(7);
  const secretKey = fc
    .bigInt({ min: 1n, max: CURVE_ORDER - 1n })
    .map(scalar => fromHex(scalar.toString(16).padStart(64, '0'), 32));

  it('splitSignature equals signing with the shares of the key, and any threshold of its shares recombine', () => {
    const scheme = fc
      .integer({ min: 1, max: 12 })
      .chain(count => fc.record({ count: fc.constant(count), threshold: fc.integer({ min: 1, max: count }) }))
      .chain(({ count, threshold }) =>
        fc.record({
          count: fc.constant(count),
          threshold: fc.constant(threshold),
          indexes: fc.shuffledSubarray([...Array(count).keys()], { minLength: threshold }),
        }),
      );
    fc.assert(
      fc.property(secretKey, scheme, (secretKey, { indexes, ...scheme }) => {
        const drawn = randomCoefficients(scheme.threshold - 1);
        const coefficients = () => drawn;
        const signature = signMessage(secretKey, message);
        const publicKey = publicKeyOf(secretKey);
        const split = splitSignature({ ...scheme, coefficients, publicKey, message, signature });
        const keys = splitSecretKey(secretKey, { ...scheme, coefficients });
        expect(split.signatures).toEqual(keys.map(key => signMessage(key, message)));
        expect(split.publicKeys).toEqual(keys.map(publicKeyOf));
        expect(combiner.combineSignatures(pick(split.signatures, indexes))).toEqual(signature);
        expect(areSharesOfSignature(signature, split.signatures, scheme.threshold)).toBe(true);
        if (scheme.threshold === 1) return;
        expect(findKeySharesFault(publicKey, split.publicKeys, scheme.threshold)).toBeUndefined();
      }),
      { numRuns: 15 },
    );
  });

  it('splitSignature gives fresh shares each time, each of them valid under its key', () => {
    const key = new Uint8Array(32).fill(1);
    const options = { publicKey: publicKeyOf(key), message, signature: signMessage(key, message) };
    const [first, second] = [1, 2].map(() => splitSignature({ threshold: 3, count: 5, ...options }));
    expect(first?.signatures[0]).not.toEqual(second?.signatures[0]);
    for (const [i, signature] of (first?.signatures ?? []).entries()) {
      const publicKey = first?.publicKeys[i] ?? new Uint8Array();
      expect(verifySignature({ publicKey, message, signature })).toBe(true);
    }
  });

  it.each([
    [0, 3],
    [4, 3],
    [1.5, 3],
  ])('splitSignature refuses a threshold of %s among %s', (threshold, count) => {
    const key = new Uint8Array(32).fill(1);
    const options = { publicKey: publicKeyOf(key), message, signature: signMessage(key, message) };
    expect(() => splitSignature({ threshold, count, ...options })).toThrow(RangeError);
  });
});

describe('recombining', () => {
  it('combineSignatures refuses no shares, the same index twice and what is no point', () => {
    const point = signMessage(new Uint8Array(32).fill(1), new Uint8Array(32));
    expect(() => combiner.combineSignatures([])).toThrow(RangeError);
    const twice = [0, 0].map(index => ({ index, point }));
    expect(() => combiner.combineSignatures(twice)).toThrow(RangeError);
    expect(() => combiner.combineSignatures([{ index: 0, point: new Uint8Array(96).fill(9) }])).toThrow();
  });
});

describe('proving shares', () => {
  const message = new Uint8Array(32).fill(7);
  const secretKey = new Uint8Array(32).fill(3);
  const publicKey = publicKeyOf(secretKey);
  const signature = signMessage(secretKey, message);
  const scheme = fc
    .integer({ min: 2, max: 12 })
    .chain(count => fc.record({ count: fc.constant(count), threshold: fc.integer({ min: 2, max: count }) }));

  it('findKeySharesFault and areSharesOfSignature find any share that was exchanged, wherever it stands', () => {
    const exchanged = scheme.chain(one => fc.record({ one: fc.constant(one), place: fc.nat(one.count - 1) }));
    fc.assert(
      fc.property(exchanged, ({ one, place }) => {
        const [own, foreign] = [1, 2].map(() => splitSecretKey(secretKey, one));
        const mixed = own?.map((share, i) => (i === place ? (foreign?.[i] ?? share) : share)) ?? [];
        const fault = findKeySharesFault(publicKey, mixed.map(publicKeyOf), one.threshold);
        expect(fault).toMatchObject({ kind: 'other-polynomial' });
        const signatures = mixed.map(key => signMessage(key, message));
        expect(areSharesOfSignature(signature, signatures, one.threshold)).toBe(false);
      }),
      { numRuns: 25 },
    );
  });

  it('findKeySharesFault names the first neighbours that the Lagrange interpolation does not take for shares of the key', () => {
    const one = { threshold: 4, count: 9 };
    const [own, foreign] = [1, 2].map(() => splitSecretKey(secretKey, one).map(publicKeyOf));
    // What changes at share 6 shows in the neighbours 3 to 6, the first that have it.
    const mixed = own?.map((share, i) => (i === 6 ? (foreign?.[i] ?? share) : share)) ?? [];
    expect(findKeySharesFault(publicKey, mixed, 4)).toEqual({ kind: 'other-polynomial', from: 3, to: 6 });
    for (let from = 0; from <= 3; from++) {
      const isOwn = interpolateAtZero(mixed, from, 4) === toHex(publicKey);
      expect(isOwn).toBe(from < 3);
    }
  });

  it.each([
    ['of a lower threshold', { threshold: 3, count: 5 }, 4, 'too-few-suffice'],
    ['of a higher threshold', { threshold: 5, count: 5 }, 4, 'other-polynomial'],
    ['of another key', { threshold: 4, count: 5 }, 4, 'other-polynomial'],
  ])('findKeySharesFault refuses shares %s', (what, made, threshold, kind) => {
    const key = what === 'of another key' ? new Uint8Array(32).fill(4) : secretKey;
    const shares = splitSecretKey(key, made).map(publicKeyOf);
    expect(findKeySharesFault(publicKey, shares, threshold)).toMatchObject({ kind });
  });

  it('findKeySharesFault refuses the validator’s key as each of its shares, and fewer shares than the threshold', () => {
    expect(findKeySharesFault(publicKey, Array(5).fill(publicKey), 3)).toEqual({ kind: 'too-few-suffice' });
    const shares = splitSecretKey(secretKey, { threshold: 3, count: 5 }).map(publicKeyOf);
    for (const length of [0, 1, 2]) {
      expect(findKeySharesFault(publicKey, shares.slice(0, length), 3)).toBeDefined();
    }
    expect(findKeySharesFault(publicKey, shares.slice(0, 3), 3)).toBeUndefined();
  });

  it('findKeySharesFault and areSharesOfSignature see through shares that add up to nothing', () => {
    expect(findKeySharesFault(publicKey, [negate(publicKey), publicKey, negate(publicKey)], 2)).toBeDefined();
    // What is added of the difference is the point at infinity.
    expect(areSharesOfSignature(signature, [signature, negate(signature)], 2)).toBe(false);
  });

  it('findKeySharesFault throws for what is no public key', () => {
    const bad = new Uint8Array(48).fill(9);
    expect(() => findKeySharesFault(publicKey, [bad, publicKey], 2)).toThrow();
    expect(() => findKeySharesFault(publicKey, [publicKey, toInfinity(48)], 2)).toThrow();
  });
});

/** The negative of a compressed point. */
function negate(point: Uint8Array): Uint8Array {
  return Uint8Array.from(point, (byte, i) => (i === 0 ? byte ^ 0x20 : byte));
}

function toInfinity(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i === 0 ? 0xc0 : 0));
}

/** The public key of some neighbouring shares by Lagrange interpolation, with another library. */
function interpolateAtZero(shares: readonly Uint8Array[], from: number, threshold: number): string {
  const { Fr } = bls12_381.fields;
  const places = Array.from({ length: threshold }, (_, i) => from + i);
  let sum = bls12_381.G1.Point.ZERO;
  for (const place of places) {
    const others = places.filter(other => other !== place);
    const factors = others.map(other => Fr.div(BigInt(other + 1), Fr.create(BigInt(other - place))));
    const weight = factors.reduce((product, factor) => Fr.mul(product, factor), 1n);
    sum = sum.add(bls12_381.G1.Point.fromBytes(shares[place] ?? new Uint8Array()).multiply(weight));
  }
  return toHex(sum.toBytes());
}
