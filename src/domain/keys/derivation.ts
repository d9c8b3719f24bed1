import blst from '@chainsafe/blst';

/** EIP-2334 path of the signing key of validator `index`. */
export function validatorKeyPath(index: number): string {
  return `m/12381/3600/${index}/0/0`;
}

/** Gives the signing key of an index, 32 bytes big-endian; the caller wipes it. */
export type KeyDeriver = (index: number) => Uint8Array;

/**
 * Derives many signing keys of one seed; the path's common part is derived once.
 * @param seed - 64-byte BIP-39 seed
 * @returns the 32-byte big-endian secret key at m/12381/3600/index/0/0 (EIP-2333, EIP-2334); the caller wipes it.
 *   Each level also lives in blst's own memory, which cannot be overwritten from here.
 */
export function createKeyDeriver(seed: Uint8Array): KeyDeriver {
  const account = blst.SecretKey.deriveMasterEip2333(seed).deriveChildEip2333(12381).deriveChildEip2333(3600);
  return index => account.deriveChildEip2333(index).deriveChildEip2333(0).deriveChildEip2333(0).toBytes();
}

/** One signing key of a seed; see {@link createKeyDeriver}. */
export function deriveSecretKey(seed: Uint8Array, index: number): Uint8Array {
  return createKeyDeriver(seed)(index);
}

/**
 * The 48-byte compressed G1 public key of a 32-byte big-endian secret key.
 * @throws Error when the secret key is zero or not below the group's order
 */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  return blst.SecretKey.fromBytes(secretKey).toPublicKey().toBytes();
}
