import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { concatBytes, wipe } from '../../lib/bytes.ts';
import { isSecretKey, multiplyPoint, pointOfSecretKey } from '../../lib/secp256k1.ts';

const NONCE_LENGTH = 16;

/** Bytes of a ciphertext beyond those of its plaintext: ephemeral point, nonce, tag. */
export const ECIES_OVERHEAD = 65 + NONCE_LENGTH + 16;

/** Replaces what is drawn at random, for recorded vectors only. */
export interface EciesRandomness {
  /** 32 bytes. */
  readonly ephemeralSecretKey: Uint8Array;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
}

/**
 * Encrypts for the holder of a secp256k1 key as the oracles read it (eciespy 0.4, eciesjs 0.4 and 0.5 by default): an
 * ephemeral key, HKDF-SHA256 over both uncompressed points, AES-256-GCM with a nonce of 16 bytes.
 * @param publicKey - the receiver's uncompressed point without its 04 prefix, 64 bytes
 * @returns ephemeral point (65), nonce (16), tag (16), ciphertext (as long as the plaintext)
 * @throws Error when the public key is not a point of the curve
 */
export function encryptEcies(
  publicKey: Uint8Array,
  plaintext: Uint8Array,
  randomness: EciesRandomness = drawRandomness(),
): Uint8Array {
  const { ephemeralSecretKey, nonce } = randomness;
  const ephemeralPoint = pointOfSecretKey(ephemeralSecretKey);
  const receiver = concatBytes([Uint8Array.of(4), publicKey]);
  const sharedPoint = multiplyPoint(receiver, ephemeralSecretKey);
  const keyMaterial = concatBytes([ephemeralPoint, sharedPoint]);
  const key = new Uint8Array(hkdfSync('sha256', keyMaterial, '', '', 32));
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const ciphertext = concatBytes([cipher.update(plaintext), cipher.final()]);
  wipe([ephemeralSecretKey, sharedPoint, keyMaterial, key]);
  return concatBytes([ephemeralPoint, nonce, cipher.getAuthTag(), ciphertext]);
}

function drawRandomness(): EciesRandomness {
  for (;;) {
    const ephemeralSecretKey = new Uint8Array(randomBytes(32));
    if (isSecretKey(ephemeralSecretKey)) {
      return { ephemeralSecretKey, nonce: randomBytes(NONCE_LENGTH) };
    }
  }
}
