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
  options: ShareScheme & { readonly coefficients?: CoefficientSource | undefined },
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

/** Takes a key and all its shares, in oracle order. */
export type ShareTest = (secretKey: Uint8Array, shares: readonly Uint8Array[]) => boolean;

/**
 * A test whether shares are those of a key: all of them on one polynomial of the scheme's degree whose value at zero is the
 * key. (Any `threshold` of them recombining to the key would not do: shares of two polynomials of one key pass that.)
 * Made once for a scheme: what depends on the places alone is the costly part.
 */
export function createShareTest({ threshold, count }: ShareScheme): ShareTest {
  assertPossibleScheme({ threshold, count });
  // The key and the first shares fix the polynomial; what it is at the others depends on the places alone.
  const known = Array.from({ length: threshold }, (_, place) => BigInt(place));
  const weights = Array.from({ length: count - threshold + 1 }, (_, i) =>
    known.map((_, j) => lagrangeAt(BigInt(threshold + i), known, j)),
  );
  return (secretKey, shares) => {
    if (shares.length !== count) return false;
    const values = [secretKey, ...shares.slice(0, threshold - 1)].map(toScalar);
    return weights.every((row, i) => {
      const share = shares[threshold - 1 + i];
      const expected = row.reduce((sum, weight, j) => sum + weight * (values[j] ?? 0n), 0n) % CURVE_ORDER;
      return share !== undefined && toScalar(share) === expected;
    });
  };
}

function lagrangeAtZero(points: readonly bigint[], i: number): bigint {
  return lagrangeAt(0n, points, i);
}

function lagrangeAt(place: bigint, points: readonly bigint[], i: number): bigint {
  const own = points[i] ?? 0n;
  let numerator = 1n;
  let denominator = 1n;
  for (const point of points) {
    if (point === own) continue;
    numerator = (numerator * (place - point + CURVE_ORDER)) % CURVE_ORDER;
    denominator = (denominator * (own - point + CURVE_ORDER)) % CURVE_ORDER;
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
