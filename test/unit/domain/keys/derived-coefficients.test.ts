import { describe, expect, it } from 'vitest';
import { CURVE_ORDER } from '../../../../src/domain/consensus/secret-polynomial.ts';
import { deriveCoefficients } from '../../../../src/domain/keys/derived-coefficients.ts';

describe('derived coefficients', () => {
  const key = new Uint8Array(32).fill(1);
  const set = new Uint8Array(32).fill(2);

  it('deriveCoefficients gives the same ones for a key and an oracle set, whenever they are made', () => {
    expect(deriveCoefficients(key, set)(7)).toEqual(deriveCoefficients(key, set)(7));
  });

  it('deriveCoefficients gives others for another key, another set and another power', () => {
    const all = [
      ...deriveCoefficients(key, set)(7),
      ...deriveCoefficients(new Uint8Array(32).fill(3), set)(7),
      ...deriveCoefficients(key, new Uint8Array(32).fill(3))(7),
    ];
    expect(new Set(all).size).toBe(21);
    expect(all.every(one => one > 0n && one < CURVE_ORDER)).toBe(true);
  });
});
