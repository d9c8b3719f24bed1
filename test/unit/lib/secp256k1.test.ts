import { secp256k1 } from '@noble/curves/secp256k1.js';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import {
  hasLowS,
  isSecretKey,
  multiplyPoint,
  pointOfSecretKey,
  recoverPoint,
  signHash,
} from '../../../src/lib/secp256k1.ts';

const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141';
const key = new Uint8Array(32).fill(7);
const hash = new Uint8Array(32).fill(9);

describe('secp256k1', () => {
  it('isSecretKey knows which bytes are a secret key', () => {
    const below = `${ORDER.slice(0, -1)}0`;
    expect([key, fromHex(below)].map(isSecretKey)).toEqual([true, true]);
    for (const wrong of [
      new Uint8Array(32),
      fromHex(ORDER),
      new Uint8Array(32).fill(255),
      new Uint8Array(31),
    ])
      expect(isSecretKey(wrong)).toBe(false);
    expect(() => pointOfSecretKey(new Uint8Array(32))).toThrow();
    expect(() => signHash(hash, new Uint8Array(32))).toThrow();
  });

  it('pointOfSecretKey and multiplyPoint give the points of another library', () => {
    const point = pointOfSecretKey(key);
    expect(toHex(point)).toBe(toHex(secp256k1.getPublicKey(key, false)));
    expect(toHex(multiplyPoint(point, hash))).toBe(toHex(secp256k1.getSharedSecret(hash, point, false)));
    expect(() => multiplyPoint(new Uint8Array(65).fill(4), key)).toThrow();
    expect(() => multiplyPoint(point, new Uint8Array(32))).toThrow();
  });

  it('recoverPoint recovers who signed, and hasLowS tells a high s', () => {
    const { signature, recoveryId } = signHash(hash, key);
    const recovery = recoveryId === 0 ? 0 : 1;
    expect(recoverPoint(hash, { signature, recoveryId: recovery })).toEqual(pointOfSecretKey(key));
    expect(hasLowS(signature)).toBe(true);
    const s = BigInt(`0x${ORDER}`) - BigInt(toHex(signature.subarray(32)));
    const high = fromHex(toHex(signature.subarray(0, 32)) + s.toString(16).padStart(64, '0'), 64);
    expect(hasLowS(high)).toBe(false);
    const other = { signature: high, recoveryId: recovery === 0 ? 1 : 0 } as const;
    expect(recoverPoint(hash, other)).toEqual(pointOfSecretKey(key));
    expect(() => recoverPoint(hash, { signature: new Uint8Array(64), recoveryId: 0 })).toThrow();
    expect(() => recoverPoint(hash, { signature: new Uint8Array(64).fill(255), recoveryId: 0 })).toThrow();
  });

  it('hasLowS draws the line of a low s at half of the order', () => {
    const half = BigInt(`0x${ORDER}`) / 2n;
    const withS = (s: bigint) => fromHex(`${'01'.repeat(32)}${s.toString(16).padStart(64, '0')}`, 64);
    expect([withS(half), withS(half + 1n)].map(hasLowS)).toEqual([true, false]);
  });
});
