import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { signMessage, verifySignature } from '../../../../src/domain/consensus/bls.ts';
import { CURVE_ORDER, randomCoefficients } from '../../../../src/domain/consensus/secret-polynomial.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../../../src/domain/keys/key-share.ts';
import {
  createPointCombiner,
  type PointCombiner,
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
    'combineSignatures and combinePublicKeys recombine the recorded shares ($threshold of $total)',
    recorded => {
      for (const { indexes, signature } of recorded.recombined) {
        const shares = pick(recorded.share_signatures, indexes);
        expect(toHex(combiner.combineSignatures(shares))).toBe(signature);
        const keys = pick(recorded.share_public_keys, indexes);
        expect(toHex(combiner.combinePublicKeys(keys))).toBe(recorded.public_key);
      }
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
        expect(combiner.combinePublicKeys(pick(split.publicKeys, indexes))).toEqual(publicKey);
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
    expect(() => combiner.combinePublicKeys([{ index: 0, point: new Uint8Array(48).fill(9) }])).toThrow();
  });
});
