import { bls12_381 } from '@noble/curves/bls12-381.js';

const { Fr } = bls12_381.fields;

/**
 * The signature at x = 0 of the polynomial through these shares.
 * @param shares - of oracle `index`, whose x is `index + 1`; 96 bytes each
 */
export function combineShares(shares: readonly { readonly index: number; readonly signature: Uint8Array }[]) {
  let sum = bls12_381.G2.Point.ZERO;
  for (const { index, signature } of shares) {
    let numerator = Fr.ONE;
    let denominator = Fr.ONE;
    for (const other of shares.filter(one => one.index !== index)) {
      numerator = Fr.mul(numerator, BigInt(other.index + 1));
      denominator = Fr.mul(denominator, Fr.sub(BigInt(other.index + 1), BigInt(index + 1)));
    }
    const coefficient = Fr.div(numerator, denominator);
    sum = sum.add(bls12_381.G2.Point.fromBytes(signature).multiplyUnsafe(coefficient));
  }
  return sum.toBytes();
}
