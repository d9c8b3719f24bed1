import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import {
  encodeDataKeyContext,
  encodeKeyContext,
  encodeSigningKeyContext,
  FORMAT_VERSION,
  type KeyContext,
  type VaultContext,
} from './key-context.ts';

export const NONCE_LENGTH = 12;
const KEY_LENGTH = 32;
const TAG_LENGTH = 16;
/** Length of a sealed secret key: 32 bytes of ciphertext and the tag. */
export const SEALED_LENGTH = KEY_LENGTH + TAG_LENGTH;

/** AES-256-GCM: 12-byte random nonce; ciphertext followed by its 16-byte tag. */
export interface Sealed {
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export type DataKeyContext = VaultContext & { readonly dataKeyId: number };

/** A fresh encryption key for the user to keep: standard base64 of 32 random bytes. */
export function generateEncryptionKey(): string {
  return randomBytes(KEY_LENGTH).toString('base64');
}

/**
 * The 32 bytes of an encryption key as the user gives it.
 * @throws OperatorError 'invalid-encryption-key' when the text is not exactly what {@link generateEncryptionKey} writes
 */
export function parseEncryptionKey(text: string): Uint8Array {
  const decoded = Buffer.from(text, 'base64');
  const bytes = new Uint8Array(decoded);
  const isCanonical = decoded.toString('base64') === text;
  wipe(decoded);
  if (bytes.length !== KEY_LENGTH || !isCanonical) throw invalidEncryptionKey();
  return bytes;
}

/** A random 32-byte key for a vault's rows. The caller wraps and wipes it. */
export function generateDataKey(): Uint8Array {
  return new Uint8Array(randomBytes(KEY_LENGTH));
}

/** Encrypts a vault's data key under the 'wrap' subkey of the user's encryption key, bound to chain, vault and id. */
export function wrapDataKey(encryptionKey: Uint8Array, context: DataKeyContext, dataKey: Uint8Array): Sealed {
  const key = deriveSubkey(encryptionKey, 'wrap');
  try {
    return seal(key, encodeDataKeyContext(context), dataKey);
  } finally {
    wipe(key);
  }
}

/**
 * Decrypts a vault's data key; this is also how a wrong encryption key is recognised before any work.
 * @throws OperatorError 'invalid-encryption-key' when key, context or ciphertext is not the one of {@link wrapDataKey}
 */
export function unwrapDataKey(
  encryptionKey: Uint8Array,
  context: DataKeyContext,
  wrapped: Sealed,
): Uint8Array {
  const key = deriveSubkey(encryptionKey, 'wrap');
  try {
    return open(key, encodeDataKeyContext(context), wrapped);
  } catch {
    throw invalidEncryptionKey();
  } finally {
    wipe(key);
  }
}

/** What a vault's sealed signing key is bound to: whose it is, the data key beside it, and its own public half. */
export type SigningKeyContext = DataKeyContext & { readonly verifyingKey: Uint8Array };

/** Encrypts the 32-byte seed of a vault's signing key under the 'sign' subkey of the user's encryption key. */
export function sealSigningKey(
  encryptionKey: Uint8Array,
  context: SigningKeyContext,
  seed: Uint8Array,
): Sealed {
  const key = deriveSubkey(encryptionKey, 'sign');
  try {
    return seal(key, encodeSigningKeyContext(context), seed);
  } finally {
    wipe(key);
  }
}

/**
 * Decrypts the seed of a vault's signing key; the caller wipes it.
 * @throws OperatorError 'signing-key-tampered' when it is not what {@link sealSigningKey} wrote for this vault
 */
export function openSigningKey(
  encryptionKey: Uint8Array,
  context: SigningKeyContext,
  sealed: Sealed,
): Uint8Array {
  const key = deriveSubkey(encryptionKey, 'sign');
  try {
    return open(key, encodeSigningKeyContext(context), sealed);
  } catch {
    throw new OperatorError(
      'signing-key-tampered',
      'The signing key of the vault in the remote db is not what was written for it.',
      {
        hint: "Restore the database from a backup. Without one, delete the vault's row of signing_keys: the next upload makes another key, whose public half then goes to whoever has --vault-public-key.",
      },
    );
  } finally {
    wipe(key);
  }
}

/**
 * A data key, imported for many rows: as bytes it would be imported anew for each of them, which takes three times as long
 * as opening one. The bytes may be wiped afterwards; their copy in here cannot be overwritten from outside: OpenSSL does it
 * when the object is collected.
 */
export function importDataKey(dataKey: Uint8Array): KeyObject {
  return createSecretKey(dataKey);
}

/** Encrypts a 32-byte secret key under the vault's data key, bound to everything in its context. */
export function sealSecretKey(dataKey: KeyObject, context: KeyContext, secretKey: Uint8Array): Sealed {
  return seal(dataKey, encodeKeyContext(context), secretKey);
}

/**
 * Decrypts a row's secret key. The caller derives its public key, compares, and wipes.
 * @throws OperatorError 'row-tampered', which names the public key
 */
export function openSecretKey(dataKey: KeyObject, context: KeyContext, sealed: Sealed): Uint8Array {
  const opened = openEncoded(dataKey, encodeKeyContext(context), sealed);
  if (opened === undefined) throw rowTampered(context.publicKey);
  return opened;
}

/** {@link openSecretKey} for a context that is already encoded; undefined for a row that is not what was written. */
export function openEncoded(
  dataKey: KeyObject,
  associatedData: Uint8Array,
  sealed: Sealed,
): Uint8Array | undefined {
  try {
    return open(dataKey, associatedData, sealed);
  } catch {
    return undefined;
  }
}

/** HKDF-SHA256 subkey of the user's encryption key, which itself encrypts nothing. */
export function deriveSubkey(
  encryptionKey: Uint8Array,
  purpose: 'wrap' | 'manifest' | 'files' | 'oracle-set' | 'sign',
): Uint8Array {
  const info = `stakewise-operator/v${FORMAT_VERSION}/${purpose}`;
  return new Uint8Array(hkdfSync('sha256', encryptionKey, new Uint8Array(0), info, KEY_LENGTH));
}

function seal(key: Uint8Array | KeyObject, associatedData: Uint8Array, plaintext: Uint8Array): Sealed {
  if (plaintext.length !== KEY_LENGTH) throw new RangeError(`a key has 32 bytes, not ${plaintext.length}`);
  const nonce = new Uint8Array(randomBytes(NONCE_LENGTH));
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_LENGTH });
  cipher.setAAD(associatedData);
  const ciphertext = new Uint8Array(SEALED_LENGTH);
  ciphertext.set(cipher.update(plaintext), 0);
  cipher.final();
  ciphertext.set(cipher.getAuthTag(), KEY_LENGTH);
  return { nonce, ciphertext };
}

function open(
  key: Uint8Array | KeyObject,
  associatedData: Uint8Array,
  { nonce, ciphertext }: Sealed,
): Uint8Array {
  if (nonce.length !== NONCE_LENGTH || ciphertext.length !== SEALED_LENGTH)
    throw new RangeError('wrong length');
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_LENGTH });
  decipher.setAAD(associatedData);
  decipher.setAuthTag(ciphertext.subarray(KEY_LENGTH));
  const opened = decipher.update(ciphertext.subarray(0, KEY_LENGTH));
  try {
    decipher.final();
    return new Uint8Array(opened);
  } finally {
    wipe(opened);
  }
}

function invalidEncryptionKey(): OperatorError {
  return new OperatorError('invalid-encryption-key', 'Invalid encryption key.', {
    hint: 'Give the key that `remote-db setup` printed for this vault.',
  });
}

/** The error of a row that is not what was written, by whatever means that was noticed. */
export function rowTampered(publicKey: Uint8Array): OperatorError {
  return new OperatorError(
    'row-tampered',
    `The encrypted row of public key ${toHex(publicKey)} is not what was written for this vault.`,
    { hint: 'Restore the database from a backup, or clean up and upload the keystores again.' },
  );
}
