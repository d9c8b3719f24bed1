import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../vectors/v3-operator');

/** Path of a recorded file of the Python operator. */
export function recordedPath(path: string): string {
  return join(ROOT, path);
}

/** Text of a recorded file, byte for byte. */
export function readRecorded(path: string): string {
  return readFileSync(recordedPath(path), 'utf8');
}

/** A recorded JSON document, believed to have the shape that the test gives it. */
export function readRecordedJson<T>(path: string): T {
  return JSON.parse(readRecorded(path)) as T;
}
