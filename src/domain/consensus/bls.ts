import bls from '@chainsafe/bls/blst-native';

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

/** Whether all signatures are valid, checked together by blst's randomised batch verification. */
export function verifySignatures(sets: readonly SignatureSet[]): boolean {
  if (sets.length === 0) return true;
  try {
    // Parsed here: given bytes, the library would not check that the public key is in its subgroup.
    return bls.verifyMultipleSignatures(
      sets.map(({ publicKey, message, signature }) => ({
        publicKey: bls.PublicKey.fromBytes(publicKey, undefined, true),
        message,
        signature: bls.Signature.fromBytes(signature, undefined, true),
      })),
    );
  } catch {
    return false;
  }
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
