import { keccak_256 } from '@noble/hashes/sha3.js';
import { describe, expect, it } from 'vitest';
import { Keccak256 } from '../../../../src/domain/protocol/keccak.ts';
import { toHex } from '../../../../src/lib/bytes.ts';

function numbered(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 167 + length) & 255);
}

describe('Keccak256', () => {
  it('hashInto gives the hash of every length around one, two and three blocks, one after another', () => {
    const keccak = new Keccak256();
    const target = new Uint8Array(40);
    for (let length = 0; length <= 412; length += 4) {
      const message = numbered(length);
      keccak.hashInto(message, new DataView(target.buffer), 8);
      expect(toHex(target.subarray(8)), `${length} bytes`).toBe(toHex(keccak_256(message)));
    }
    expect(toHex(target.subarray(0, 8))).toBe('0x0000000000000000');
  });

  it('hashInto reads a view of a larger array, and writes over the message that it has read', () => {
    const keccak = new Keccak256();
    const whole = numbered(100);
    const hash = toHex(keccak_256(whole.slice(20, 52)));
    keccak.hashInto(whole.subarray(20, 52), new DataView(whole.buffer), 20);
    expect(toHex(whole.subarray(20, 52))).toBe(hash);
  });
});
