import { type RawBuilder, sql } from 'kysely';
import { toHex } from '../lib/bytes.ts';

/**
 * Many byte strings of one length as one bytea parameter, cut apart in the database: the two drivers write bytea[] each
 * in its own way, and this is the quickest on both.
 * @throws RangeError when one of them has another length
 */
export function flatten(parts: readonly Uint8Array[], length: number): Uint8Array {
  for (const part of parts) {
    if (part.length !== length) throw new RangeError(`expected ${length} bytes, got ${part.length}`);
  }
  return Buffer.concat(parts);
}

/** The piece of a flat parameter at a position (from 0) that is itself an SQL expression. */
export function pieceAt(
  flat: Uint8Array,
  length: number,
  position: RawBuilder<unknown>,
): RawBuilder<Uint8Array> {
  return sql`substring(${flat}::bytea from (${position}) * ${sql.lit(length)} + 1 for ${sql.lit(length)})`;
}

/** Rows `piece` (bytea) and `position` (from 0) of a list of byte strings, for a from clause. */
export function rowsOf(
  parts: readonly Uint8Array[],
  length: number,
): RawBuilder<{ piece: Uint8Array; position: number }> {
  return rowsOfFlat(flatten(parts, length), length);
}

/** {@link rowsOf} of byte strings that stand one after another. */
export function rowsOfFlat(
  flat: Uint8Array,
  length: number,
): RawBuilder<{ piece: Uint8Array; position: number }> {
  const piece = pieceAt(flat, length, sql.ref('position'));
  return sql`(select ${piece} as piece, position from generate_series(0, ${flat.length / length}::int - 1) as position)`;
}

/** Bytes in the text of a statement, for those that take no parameters, such as the declaration of a cursor. */
export function byteaLiteral(bytes: Uint8Array): RawBuilder<Uint8Array> {
  return sql`decode(${sql.lit(toHex(bytes).slice(2))}, 'hex')`;
}

/** Integers as one parameter that both drivers send alike. */
export function intArray(numbers: readonly number[]): RawBuilder<number[]> {
  return sql`${`{${numbers.join(',')}}`}::text::int[]`;
}

/**
 * Cuts what the database has joined (`string_agg` over pieces of one length, null for none): a row for each of ten thousand
 * pieces takes the client ten times as long. Each is an array of its own.
 */
export function cut(flat: Uint8Array | null | undefined, length: number): Uint8Array[] {
  const bytes = flat ?? new Uint8Array();
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, place) =>
    bytes.slice(place * length, (place + 1) * length),
  );
}
