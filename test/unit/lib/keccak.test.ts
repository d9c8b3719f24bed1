import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keccak256 } from '../../../src/lib/keccak.ts';

describe('keccak256', () => {
  it('keccak256 of any bytes is what another library says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), bytes => {
        expect(Buffer.from(keccak256(bytes))).toEqual(Buffer.from(keccak_256(bytes)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('keccak256 gives bytes of their own, which the next call leaves as they are', () => {
    const first = keccak256(Uint8Array.of(1));
    const before = first.slice();
    const second = keccak256(Uint8Array.of(2));
    expect(first).toEqual(before);
    expect(second).not.toEqual(first);
    // A view of some bytes in the middle of others is hashed by itself.
    expect(keccak256(Uint8Array.of(9, 1, 9).subarray(1, 2))).toEqual(before);
  });
});
