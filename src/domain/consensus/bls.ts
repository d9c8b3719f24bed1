import bls from '@chainsafe/bls/blst-native';
import blst, { type PublicKey, type SignatureSet as SignatureSum } from '@chainsafe/blst';
import { toHex } from '../../lib/bytes.ts';

export interface SignatureSet {
  /** 48 bytes, compressed. */
  readonly publicKey: Uint8Array;
  /** The 32-byte signing root. */
  readonly message: Uint8Array;
  /** 96 bytes, compressed. */
  readonly signature: Uint8Array;
}

/** The 96-byte compressed BLS signature of a message (consensus-specs, `bls.Sign`). */
export function signMessage(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
  return bls.sign(secretKey, message);
}

/** Whether one signature is valid; a malformed key or signature, or one outside its subgroup, is not. */
export function verifySignature(set: SignatureSet): boolean {
  return verifySignatures([set]);
}

/**
 * Whether all signatures are valid, checked together by blst's randomised batch verification. Those over one message are
 * first summed with random factors, so that they cost one pairing together.
 */
export function verifySignatures(sets: readonly SignatureSet[]): boolean {
  if (sets.length === 0) return true;
  try {
    const sums = [...Map.groupBy(sets, ({ message }) => toHex(message)).values()].map(sumOfOneMessage);
    const [first] = sums;
    return sums.length === 1 && first !== undefined
      ? blst.verify(first.msg, first.pk, first.sig)
      : blst.verifyMultipleAggregateSignatures(sums);
  } catch {
    return false;
  }
}

/** Keys and signatures are checked to be in their subgroups here, once. @throws Error for one that is not */
function sumOfOneMessage(sets: readonly SignatureSet[]): SignatureSum {
  const [{ message, signature }] = sets as readonly [SignatureSet, ...SignatureSet[]];
  const keys = sets.map(({ publicKey }) => blst.PublicKey.fromBytes(publicKey, true));
  const [key] = keys;
  if (key !== undefined && keys.length === 1) {
    return { msg: message, pk: key, sig: blst.Signature.fromBytes(signature, true) };
  }
  const { pk, sig } = blst.aggregateWithRandomness(
    sets.map((set, i) => ({ pk: keys[i] as PublicKey, sig: set.signature })),
  );
  return { msg: message, pk, sig };
}

/** Places of the invalid signatures, found by halving the batches that fail. */
export function findInvalidSignatures(sets: readonly SignatureSet[], offset = 0): number[] {
  if (verifySignatures(sets)) return [];
  if (sets.length === 1) return [offset];
  const middle = sets.length >> 1;
  return [
    ...findInvalidSignatures(sets.slice(0, middle), offset),
    ...findInvalidSignatures(sets.slice(middle), offset + middle),
  ];
}
