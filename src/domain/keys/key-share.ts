import {
  assertPossibleScheme,
  type CoefficientSource,
  CURVE_ORDER,
  evaluatePolynomial,
  fromScalar,
  randomCoefficients,
  type ShareScheme,
  toScalar,
} from '../consensus/secret-polynomial.ts';

export interface KeyShare {
  /** Zero-based place of the oracle in its set; the share is the polynomial's value at index + 1. */
  readonly index: number;
  /** 32 bytes, big-endian. */
  readonly secretKey: Uint8Array;
}

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
  assertPossibleScheme({ threshold, count });
  const secret = toScalar(secretKey);
  if (secret === 0n || secret >= CURVE_ORDER)
    throw new RangeError('the secret key is not a scalar of BLS12-381');
  for (;;) {
    const values = evaluatePolynomial([secret, ...draw(threshold - 1)], count);
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
