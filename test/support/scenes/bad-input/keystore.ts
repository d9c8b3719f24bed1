import { createCipheriv, createHash, pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto';

/** A keystore as its JSON has it, for tests that spoil a member. */
export interface CheapKeystore {
  crypto: {
    kdf: { function: string; params: Record<string, unknown>; message: string };
    checksum: { function: string; params: Record<string, never>; message: string };
    cipher: { function: string; params: Record<string, unknown>; message: string };
  };
  description: string;
  pubkey: string;
  path: string;
  uuid: string;
  version: number;
}

/**
 * An EIP-2335 keystore whose key derivation costs nothing.
 * @param publicKey - 48 bytes of bare hex; the one named in the file, right or wrong
 */
export function createCheapKeystore(
  secretKey: Uint8Array,
  publicKey: string,
  password: string,
): CheapKeystore {
  const salt = randomBytes(32);
  const iv = randomBytes(16);
  const key = pbkdf2Sync(password.normalize('NFKD'), salt, 1, 32, 'sha256');
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv);
  const message = Buffer.concat([cipher.update(secretKey), cipher.final()]);
  const checksum = createHash('sha256').update(key.subarray(16)).update(message).digest('hex');
  return {
    crypto: {
      kdf: {
        function: 'pbkdf2',
        params: { dklen: 32, c: 1, prf: 'hmac-sha256', salt: salt.toString('hex') },
        message: '',
      },
      checksum: { function: 'sha256', params: {}, message: checksum },
      cipher: {
        function: 'aes-128-ctr',
        params: { iv: iv.toString('hex') },
        message: message.toString('hex'),
      },
    },
    description: '',
    pubkey: publicKey,
    path: '',
    uuid: randomUUID(),
    version: 4,
  };
}
