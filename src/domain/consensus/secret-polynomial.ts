import { randomFillSync } from 'node:crypto';
import { wipe } from '../../lib/bytes.ts';
import { SECRET_KEY_LENGTH } from '../../lib/lengths.ts';

/** Order r of the BLS12-381 groups: secret keys, shares and coefficients are integers modulo r. */
export const CURVE_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

export interface ShareScheme {
  /** Shares needed to recombine; the polynomial has degree threshold - 1. */
  readonly threshold: number;
  /** Number of shares, one for each oracle. */
  readonly count: number;
}

/** Coefficients of x, x², … x^(threshold-1). */
export type CoefficientSource = (count: number) => bigint[];

/** @throws RangeError when no polynomial makes such shares */
export function assertPossibleScheme({ threshold, count }: ShareScheme): void {
  if (!Number.isInteger(threshold) || !Number.isInteger(count) || threshold < 1 || threshold > count) {
    throw new RangeError(`a threshold of ${threshold} among ${count} shares is impossible`);
  }
}

/** Uniform scalars by rejection sampling; the last one, the polynomial's highest, is not zero. */
export function randomCoefficients(count: number): bigint[] {
  const coefficients: bigint[] = [];
  const bytes = new Uint8Array(SECRET_KEY_LENGTH);
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

/**
 * Values of the polynomial at 1 … count, modulo r.
 * @param coefficients - the constant term first
 */
export function evaluatePolynomial(coefficients: readonly bigint[], count: number): bigint[] {
  // One reduction at the end is enough: the points are small.
  return Array.from({ length: count }, (_, i) => {
    const x = BigInt(i + 1);
    return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0n) % CURVE_ORDER;
  });
}

/** The forward differences at 0 of values at 0, 1, 2 …, modulo r: the value there, the first difference, and so on. */
export function differencesAtZero(values: readonly bigint[]): bigint[] {
  const differences: bigint[] = [];
  for (let row = values; row[0] !== undefined; ) {
    differences.push(row[0]);
    const own = row;
    row = own.slice(1).map((next, i) => (next - (own[i] ?? 0n) + CURVE_ORDER) % CURVE_ORDER);
  }
  return differences;
}

/** A scalar's integer. @param bytes - 32, big-endian */
export function toScalar(bytes: Uint8Array): bigint {
  if (bytes.length !== SECRET_KEY_LENGTH) {
    throw new RangeError(`a secret key has ${SECRET_KEY_LENGTH} bytes, not ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, SECRET_KEY_LENGTH);
  return (
    (view.getBigUint64(0) << 192n) |
    (view.getBigUint64(8) << 128n) |
    (view.getBigUint64(16) << 64n) |
    view.getBigUint64(24)
  );
}

/** 32 bytes, big-endian. */
export function fromScalar(scalar: bigint): Uint8Array {
  const bytes = new Uint8Array(SECRET_KEY_LENGTH);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < 4; word++) {
    view.setBigUint64(8 * word, BigInt.asUintN(64, scalar >> BigInt(64 * (3 - word))));
  }
  return bytes;
}
