import { describe, expect, it } from 'vitest';
import { canKeepKdfMemory } from '../../../src/lib/kdf-malloc.ts';

const GIB = 1024 ** 3;

describe('canKeepKdfMemory', () => {
  it.each([
    [4 * GIB, true],
    [4 * GIB - 1, false],
    [GIB, false],
  ])('the memory of key derivations is kept with %s bytes: %s', (bytes, expected) => {
    expect(canKeepKdfMemory(bytes)).toBe(expected);
  });
});
