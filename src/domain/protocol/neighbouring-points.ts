// What a polynomial's values at 0, 1, 2 … have in common, for values that are points of a curve. Its differences (Newton) weigh
// neighbours with binomials, which are small: a few additions, which blst's binding offers, do for what takes products with
// numbers of 255 bits at any other places.
import blst, { type PublicKey, type Signature } from '@chainsafe/blst';
import { equalBytes } from '../../lib/bytes.ts';

/** Points that can be added up: public keys or signatures. Both are in their subgroups, as whoever parsed them has checked. */
export interface PointGroup<Point> {
  /** The sum of one point or more. */
  readonly sum: (points: Point[]) => Point;
  readonly isEqual: (one: Point, other: Point) => boolean;
}

export const PUBLIC_KEYS: PointGroup<PublicKey> = {
  sum: points => blst.aggregatePublicKeys(points),
  isEqual: (one, other) => equalBytes(one.toBytes(), other.toBytes()),
};

export const SIGNATURES: PointGroup<Signature> = {
  sum: points => blst.aggregateSignatures(points),
  isEqual: (one, other) => equalBytes(one.toBytes(), other.toBytes()),
};

/**
 * Values at 1 … count of the polynomial that has these differences at 0.
 * @param differences - its value at 0, its first difference there, and so on to the highest that is not zero
 */
export function valuesOfDifferences<Point>(
  group: PointGroup<Point>,
  differences: readonly Point[],
  count: number,
): Point[] {
  const values: Point[] = [];
  let row = differences;
  for (let left = count; left > 0; left--) {
    // What is so high up has no part in the values that are left.
    row = row.slice(0, left).map((own, i) => {
      const next = row[i + 1];
      return next === undefined ? own : group.sum([own, next]);
    });
    const [value] = row;
    if (value !== undefined) values.push(value);
  }
  return values;
}

/**
 * The first place i where the values at i … i + threshold are those of no polynomial of a degree below the threshold; undefined
 * when all values are of one such polynomial, and there are enough of them to tell. Nothing of it is left to chance: the difference
 * of the neighbours is zero, or it is not.
 * @param values - at 0, 1, 2 …
 */
export function findDeparture<Point>(
  group: PointGroup<Point>,
  values: readonly Point[],
  threshold: number,
): number | undefined {
  if (values.length <= threshold) return 0;
  const weights = binomials(threshold);
  for (let from = 0; from + threshold < values.length; from++) {
    const neighbours = values.slice(from, from + threshold + 1);
    // Of the difference, what is added and what is taken off: that spares negative points.
    const [added, takenOff] = [0, 1].map(parity => {
      const isOwn = (_: unknown, i: number) => i % 2 === parity;
      return weigh(group, neighbours.filter(isOwn), weights.filter(isOwn));
    });
    if (added === undefined || takenOff === undefined || !group.isEqual(added, takenOff)) return from;
  }
  return undefined;
}

/** The sum of each point times its weight, which is above zero: by doubling, a bit of all weights at a time. */
function weigh<Point>(
  group: PointGroup<Point>,
  points: readonly Point[],
  weights: readonly bigint[],
): Point | undefined {
  const bits = weights.map(weight => weight.toString(2));
  const longest = bits.reduce((most, { length }) => Math.max(most, length), 0);
  let sum: Point | undefined;
  for (let place = longest; place > 0; place--) {
    const parts = points.filter((_, i) => bits[i]?.at(-place) === '1');
    if (sum !== undefined) parts.push(sum, sum);
    sum = parts.length > 0 ? group.sum(parts) : undefined;
  }
  return sum;
}

/** Row n of Pascal's triangle. */
function binomials(n: number): bigint[] {
  let row = [1n];
  for (let i = 0; i < n; i++) row = [1n, ...row.map((weight, place) => weight + (row[place + 1] ?? 0n))];
  return row;
}
