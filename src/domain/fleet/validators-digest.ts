import { createHash } from 'node:crypto';

/**
 * SHA-256 over the public keys that readers see, in public-key order. Stored with the manifest: it shows commands that
 * have no encryption key whether a key is missing from the list or was added to it by accident.
 * @param publicKeys - 48 bytes each, sorted
 * @returns 32 bytes
 */
export function validatorsDigest(publicKeys: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256').update('stakewise-operator/validators/v1');
  for (const publicKey of publicKeys) hash.update(publicKey);
  return new Uint8Array(hash.digest());
}
