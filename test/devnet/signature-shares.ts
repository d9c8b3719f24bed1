import { randomBytes } from 'node:crypto';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { EXIT_DST } from './exit-signature.ts';

const { Fr } = bls12_381.fields;
const { G1, G2, longSignatures } = bls12_381;

/**
 * Whether all of these are signatures of one message, each by its own key: one random combination of them is. Several
 * times faster than one by one.
 */
export function areAllSigned(
  signingRoot: Uint8Array,
  signed: readonly { readonly publicKey: Uint8Array; readonly signature: Uint8Array }[],
): boolean {
  try {
    let keys = G1.Point.ZERO;
    let signatures = G2.Point.ZERO;
    for (const { publicKey, signature } of signed) {
      const factor = randomBytes(8).readBigUInt64BE() | 1n;
      keys = keys.add(decodeKey(publicKey).multiplyUnsafe(factor));
      signatures = signatures.add(G2.Point.fromBytes(signature).multiplyUnsafe(factor));
    }
    return longSignatures.verify(signatures, longSignatures.hash(signingRoot, EXIT_DST), keys);
  } catch {
    return false;
  }
}

function decodeKey(publicKey: Uint8Array) {
  const point = G1.Point.fromBytes(publicKey);
  point.assertValidity();
  if (point.is0()) throw new Error('the public key is the point at infinity');
  return point;
}

/**
 * The signature at x = 0 of the polynomial through these shares.
 * @param shares - of oracle `index`, whose x is `index + 1`; 96 bytes each
 */
export function combineShares(shares: readonly { readonly index: number; readonly signature: Uint8Array }[]) {
  let sum = G2.Point.ZERO;
  for (const { index, signature } of shares) {
    let numerator = Fr.ONE;
    let denominator = Fr.ONE;
    for (const other of shares.filter(one => one.index !== index)) {
      numerator = Fr.mul(numerator, BigInt(other.index + 1));
      denominator = Fr.mul(denominator, Fr.sub(BigInt(other.index + 1), BigInt(index + 1)));
    }
    const coefficient = Fr.div(numerator, denominator);
    sum = sum.add(G2.Point.fromBytes(signature).multiplyUnsafe(coefficient));
  }
  return sum.toBytes();
}
