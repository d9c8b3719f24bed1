import { randomFillSync } from 'node:crypto';
import { wipe } from '../../lib/bytes.ts';

/** Order r of the BLS12-381 groups: secret keys and shares are integers modulo r. */
export const CURVE_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

export interface ShareScheme {
  /** Shares needed to recombine the key; the polynomial has degree threshold - 1. */
  readonly threshold: number;
  /** Number of shares, one for each oracle. */
  readonly count: number;
}

export interface KeyShare {
  /** Zero-based place of the oracle in its set; the share is the polynomial's value at index + 1. */
  readonly index: number;
  /** 32 bytes, big-endian. */
  readonly secretKey: Uint8Array;
}

/** Coefficients of x, x², … x^(threshold-1). */
export type CoefficientSource = (count: number) => bigint[];

/**
 * Shamir shares of a secret key over the scalar field: share i is f(i + 1) mod r, with f(0) the key.
 * @param secretKey - 32 bytes, big-endian, below r
 * @param options - the scheme; `coefficients` replaces the CSPRNG, for recorded vectors only
 * @returns `count` shares of 32 bytes, big-endian, in oracle order; the caller wipes them. The integers in between are
 *   JavaScript values that cannot be overwritten.
 * @throws RangeError when the scheme is impossible or the key not below r
 */
export function splitSecretKey(
  secretKey: Uint8Array,
  options: ShareScheme & { readonly coefficients?: CoefficientSource },
): Uint8Array[] {
  const { threshold, count, coefficients: draw = randomCoefficients } = options;
  if (!Number.isInteger(threshold) || !Number.isInteger(count) || threshold < 1 || threshold > count) {
    throw new RangeError(`a threshold of ${threshold} among ${count} shares is impossible`);
  }
  const secret = toScalar(secretKey);
  if (secret === 0n || secret >= CURVE_ORDER)
    throw new RangeError('the secret key is not a scalar of BLS12-381');
  for (;;) {
    const values = evaluateShares([secret, ...draw(threshold - 1)], count);
    // The zero share is no key. It comes once in 2^255 draws.
    if (!values.includes(0n)) return values.map(fromScalar);
  }
}

/**
 * The secret key from `threshold` or more shares of it, by Lagrange interpolation at zero.
 * @returns 32 bytes, big-endian. Too few shares, or shares of different keys, give another key: compare the public key.
 */
export function combineKeyShares(shares: readonly KeyShare[]): Uint8Array {
  const points = shares.map(share => BigInt(share.index + 1));
  if (shares.length === 0 || new Set(points).size !== points.length) {
    throw new RangeError('shares must be given, each of another index');
  }
  let sum = 0n;
  for (const [i, share] of shares.entries()) {
    sum += toScalar(share.secretKey) * lagrangeAtZero(points, i);
  }
  return fromScalar(sum % CURVE_ORDER);
}

/** Uniform scalars by rejection sampling; the last one, the polynomial's highest, is not zero. */
export function randomCoefficients(count: number): bigint[] {
  const coefficients: bigint[] = [];
  const bytes = new Uint8Array(32);
  while (coefficients.length < count) {
    randomFillSync(bytes);
    // r has 255 bits: without the top bit nine of ten draws are below it.
    bytes[0] = (bytes[0] ?? 0) & 0x7f;
    const candidate = toScalar(bytes);
    const isHighest = coefficients.length === count - 1;
    if (candidate < CURVE_ORDER && !(isHighest && candidate === 0n)) coefficients.push(candidate);
  }
  wipe(bytes);
  return coefficients;
}

/** Values of the polynomial at 1 … count. One reduction at the end is enough: the points are small. */
function evaluateShares(coefficients: readonly bigint[], count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => {
    const x = BigInt(i + 1);
    return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0n) % CURVE_ORDER;
  });
}

function lagrangeAtZero(points: readonly bigint[], i: number): bigint {
  const own = points[i] ?? 0n;
  let numerator = 1n;
  let denominator = 1n;
  for (const point of points) {
    if (point === own) continue;
    numerator = (numerator * point) % CURVE_ORDER;
    denominator = (denominator * (point - own + CURVE_ORDER)) % CURVE_ORDER;
  }
  return (numerator * invert(denominator)) % CURVE_ORDER;
}

/** Inverse modulo r by Fermat's little theorem. */
function invert(value: bigint): bigint {
  let result = 1n;
  let base = value;
  for (let exponent = CURVE_ORDER - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % CURVE_ORDER;
    base = (base * base) % CURVE_ORDER;
  }
  return result;
}

function toScalar(bytes: Uint8Array): bigint {
  if (bytes.length !== 32) throw new RangeError(`a secret key has 32 bytes, not ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  return (
    (view.getBigUint64(0) << 192n) |
    (view.getBigUint64(8) << 128n) |
    (view.getBigUint64(16) << 64n) |
    view.getBigUint64(24)
  );
}

function fromScalar(scalar: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < 4; word++) {
    view.setBigUint64(8 * word, BigInt.asUintN(64, scalar >> BigInt(64 * (3 - word))));
  }
  return bytes;
}
