import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { SECRET_KEY_LENGTH } from '../../lib/lengths.ts';
import type { V3Key } from '../fleet/v3-key-record.ts';

const BLOCK = 16;

/**
 * The 32 bytes of the key with which the Python operator encrypts, of the base64 text that its `setup` has printed.
 * @throws OperatorError 'v3-key-malformed', which does not repeat the text
 */
export function parseV3EncryptionKey(text: string): Uint8Array {
  const decoded = Buffer.from(text, 'base64');
  const bytes = new Uint8Array(decoded);
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  wipe(decoded);
  if (isBase64 && bytes.length === SECRET_KEY_LENGTH) return bytes;
  wipe(bytes);
  throw new OperatorError(
    'v3-key-malformed',
    "The encryption key of the Python operator's database is not 32 bytes in base64.",
    { hint: 'Give the key that its "remote-db setup" has printed, as --from-encrypt-key-file.' },
  );
}

/** Decrypts what the Python operator has encrypted. */
export interface V3Cipher {
  /** Whatever comes out is no key before its public key is compared: nothing else proves it. The caller wipes it. */
  decrypt(key: Pick<V3Key, 'nonce' | 'ciphertext'>): Uint8Array;
}

/**
 * AES-256-EAX without its tag, which that program drops: what is left is AES-CTR that begins at the OMAC of the nonce. Node
 * has neither EAX nor OMAC; of two whole blocks, the first of them zeros, OMAC is one block of AES.
 * @param key - 32 bytes, which may be wiped afterwards
 */
export function v3Cipher(key: Uint8Array): V3Cipher {
  const imported = createSecretKey(key);
  const zero = encryptBlock(imported, new Uint8Array(BLOCK));
  // E(0), then E(E(0) ^ nonce ^ 2·E(0)): CBC-MAC whose last block is masked.
  const mask = xor(zero, double(zero));
  return {
    decrypt({ nonce, ciphertext }) {
      const counter = encryptBlock(imported, xor(mask, nonce));
      const decipher = createDecipheriv('aes-256-ctr', imported, counter);
      const opened = decipher.update(ciphertext);
      const secret = new Uint8Array(opened);
      wipe(opened);
      return secret;
    },
  };
}

function encryptBlock(key: KeyObject, block: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  return new Uint8Array(cipher.update(block));
}

/** The product with x in GF(2^128). */
function double(block: Uint8Array): Uint8Array {
  const carry = (block[0] ?? 0) >> 7;
  return block.map((byte, i) => {
    const low = i + 1 < BLOCK ? (block[i + 1] ?? 0) >> 7 : carry * 0x87;
    return ((byte << 1) & 0xff) ^ low;
  });
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}
