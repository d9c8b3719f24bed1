import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { wipe } from '../../lib/bytes.ts';

/** The Ed25519 key that signs a vault's statements. */
export interface StatementSigner {
  /** The public half, 32 bytes. */
  readonly verifyingKey: Uint8Array;
  /** @returns 64 bytes */
  sign(body: Uint8Array): Uint8Array;
}

// PKCS #8 of an Ed25519 key (RFC 8410) up to its 32-byte seed.
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A random 32-byte seed for a vault's signing key. The caller seals and wipes it. */
export function generateSigningSeed(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

/** The signer of a seed, which may be wiped afterwards. */
export function statementSigner(seed: Uint8Array): StatementSigner {
  const key = privateKeyOf(seed);
  return { verifyingKey: verifyingKeyOf(key), sign: body => new Uint8Array(sign(null, body, key)) };
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  if (seed.length !== 32) throw new RangeError(`a seed has 32 bytes, not ${seed.length}`);
  const der = Buffer.concat([PKCS8_HEAD, seed]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    wipe(der);
  }
}

function verifyingKeyOf(key: KeyObject): Uint8Array {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return Uint8Array.from(Buffer.from(x, 'base64url'));
}
