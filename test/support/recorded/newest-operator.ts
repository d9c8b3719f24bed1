import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../vectors/newest-operator');

/** Cases of the newest Python operator, believed to have the shape that the test gives them. */
export function readNewestOperator<T>(name: string): readonly T[] {
  return JSON.parse(readFileSync(join(ROOT, name), 'utf8')) as T[];
}
