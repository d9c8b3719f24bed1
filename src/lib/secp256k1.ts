// libsecp256k1 as WebAssembly: one file, the same code on every platform, made to take the same time for every key. Native
// packages have no part for some platforms (linux-arm64) and calculate in JavaScript there without a word, in a time that
// tells of the key. A thousand signatures: 0.1 s here, 0.03 s natively, 0.4 s in the best JavaScript (@noble/curves), which
// is nine times slower at ECIES and promises no constant time, since BigInt has none.
import { isPrivate, pointFromScalar, pointMultiply, recover, signRecoverable } from 'tiny-secp256k1';
import { COMPACT_SIGNATURE_LENGTH } from './lengths.ts';

/** Half of the group's order, rounded down: the largest s that contracts take. */
const HALF_ORDER = Buffer.from('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 'hex');

export interface RecoverableSignature {
  /** r and s, 32 bytes each; s is the lower one. */
  readonly signature: Uint8Array;
  /** Which of the points with this r signed. */
  readonly recoveryId: number;
}

/** Whether 32 bytes are above zero and below the group's order. */
export function isSecretKey(bytes: Uint8Array): boolean {
  return isPrivate(bytes);
}

/** The uncompressed point of a secret key, 65 bytes. @throws Error when it is none */
export function pointOfSecretKey(secretKey: Uint8Array): Uint8Array {
  return present(pointFromScalar(secretKey, false));
}

/** A point times a secret key, uncompressed, 65 bytes. @throws Error when either is none */
export function multiplyPoint(point: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return present(pointMultiply(point, secretKey, false));
}

/** Signs a hash of 32 bytes by RFC 6979. @throws Error when the secret key is none */
export function signHash(hash: Uint8Array, secretKey: Uint8Array): RecoverableSignature {
  return signRecoverable(hash, secretKey);
}

/** Overwrites what signing has left of its key on the stack of the WebAssembly, by signing with a key that everybody knows. */
export function overwriteSigningStack(): void {
  signRecoverable(new Uint8Array(32), new Uint8Array(32).fill(1));
}

/** Who signed a hash: the uncompressed point, 65 bytes. @throws Error for numbers out of range, or of no point of the curve */
export function recoverPoint(
  hash: Uint8Array,
  { signature, recoveryId }: { readonly signature: Uint8Array; readonly recoveryId: 0 | 1 },
): Uint8Array {
  return present(recover(hash, signature, recoveryId, false));
}

/** Whether a signature's s is the lower one of the two that are valid. */
export function hasLowS(signature: Uint8Array): boolean {
  return Buffer.compare(signature.subarray(32, COMPACT_SIGNATURE_LENGTH), HALF_ORDER) <= 0;
}

function present(point: Uint8Array | null): Uint8Array {
  if (point === null) throw new Error('The result is the point at infinity, or there is no such point.');
  return point;
}
