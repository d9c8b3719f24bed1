import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../vectors/newest-operator');

/** A whole number of the vectors: a bare one is read exactly, whatever its size, and large ones may stand in quotes. */
export type Whole = number | bigint | string;

/** What a file of `test/vectors/newest-operator` holds, believed to have the shape that the test gives it. */
export function readNewestVectors<T>(name: string): T {
  const exactly = (_key: string, value: unknown, context?: { readonly source?: string | undefined }) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? BigInt(context?.source ?? '')
      : value;
  return JSON.parse(readFileSync(join(ROOT, `${name}.json`), 'utf8'), exactly) as T;
}
