import { createDecipheriv, createHash, pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto';
import { wipe } from '../../lib/bytes.ts';
import { trimmedForms } from '../../lib/secret.ts';

type KdfOf<F, P> = {
  readonly function: F;
  readonly params: P & { readonly dklen: number; readonly salt: string };
};

/** The part of a keystore that is computed with; byte strings are bare hex. */
export interface KeystoreCrypto {
  readonly kdf:
    | KdfOf<'scrypt', { readonly n: number; readonly r: number; readonly p: number }>
    | KdfOf<'pbkdf2', { readonly c: number }>;
  readonly checksum: { readonly message: string };
  readonly cipher: { readonly params: { readonly iv: string }; readonly message: string };
}

/**
 * What an EIP-2335 keystore holds. The password is tried as it stands, then without blanks around it, which editors and shells
 * put there, then without its accents, as ethdo, Prysm and SSV took it before version 1.4.1 of their common library.
 *
 * By node:crypto at once: @chainsafe/bls-keystore asks Web Crypto for hash and cipher, which takes ten times as long as both, and
 * leaves the derived key in memory.
 * @returns the decrypted bytes, which the caller wipes; undefined when the password, or the checksum, is a wrong one
 * @throws Error of OpenSSL when it refuses the parameters of the key derivation
 */
export function decryptMessage(crypto: KeystoreCrypto, password: string): Uint8Array | undefined {
  for (const form of formsOf(password)) {
    const decrypted = decryptWith(crypto, form);
    if (decrypted !== undefined) return decrypted;
  }
  return undefined;
}

/** @param password - as it goes into the key derivation */
function decryptWith({ kdf, checksum, cipher }: KeystoreCrypto, password: string): Uint8Array | undefined {
  const key = deriveKey(kdf, password);
  try {
    const ciphertext = Buffer.from(cipher.message, 'hex');
    const digest = createHash('sha256').update(key.subarray(16)).update(ciphertext).digest();
    if (!timingSafeEqual(digest, Buffer.from(checksum.message, 'hex'))) return undefined;
    const iv = Buffer.from(cipher.params.iv, 'hex');
    const decipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), iv);
    const decrypted = decipher.update(ciphertext);
    decipher.final();
    return decrypted;
  } finally {
    wipe(key);
  }
}

function deriveKey(kdf: KeystoreCrypto['kdf'], password: string): Uint8Array {
  const secret = Buffer.from(password);
  const salt = Buffer.from(kdf.params.salt, 'hex');
  try {
    if (kdf.function === 'pbkdf2') return pbkdf2Sync(secret, salt, kdf.params.c, kdf.params.dklen, 'sha256');
    const { n: N, r, p, dklen } = kdf.params;
    return scryptSync(secret, salt, dklen, { N, r, p, maxmem: 256 * N * r });
  } finally {
    wipe(secret);
  }
}

/** What a password may have been when the key was encrypted, each once: for most passwords that is one form. */
function formsOf(password: string): Iterable<string> {
  const typed = [password, ...trimmedForms(password)].map(normalize);
  return new Set([...typed, ...typed.map(form => form.replace(/\p{Mn}/gu, ''))]);
}

/** The password as EIP-2335 has it: NFKD, without control characters. */
function normalize(password: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return password.normalize('NFKD').replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
}
