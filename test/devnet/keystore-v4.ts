import { createDecipheriv, createHash, pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto';
import { hex, publicKeyOf, unhex } from './exit-signature.ts';

interface KeystoreV4 {
  readonly crypto: {
    readonly kdf: {
      readonly function: string;
      readonly params: {
        readonly dklen: number;
        readonly salt: string;
        readonly n?: number;
        readonly r?: number;
        readonly p?: number;
        readonly c?: number;
      };
    };
    readonly checksum: { readonly message: string };
    readonly cipher: { readonly params: { readonly iv: string }; readonly message: string };
  };
  readonly pubkey: string;
  readonly path: string;
  readonly version: number;
}

export interface DecryptedKeystore {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly path: string;
  /** How the key of the encryption was derived: `pbkdf2 c=1`, `scrypt n=262144`. */
  readonly kdf: string;
}

/** Decrypts an EIP-2335 keystore and proves it by its public key. @throws Error saying what is wrong */
export function decryptKeystoreV4(text: string, password: string): DecryptedKeystore {
  const keystore = JSON.parse(text) as KeystoreV4;
  if (keystore.version !== 4) throw new Error('keystore version is not 4');
  const { kdf, checksum, cipher } = keystore.crypto;
  const { params } = kdf;
  const normal = [...password.normalize('NFKD')].filter(one => !/\p{Cc}/u.test(one)).join('');
  const salt = unhex(params.salt);
  const key =
    kdf.function === 'scrypt'
      ? scryptSync(normal, salt, 32, {
          N: params.n ?? 0,
          r: params.r ?? 0,
          p: params.p ?? 0,
          maxmem: 2 ** 30,
        })
      : pbkdf2Sync(normal, salt, params.c ?? 0, 32, 'sha256');
  const message = unhex(cipher.message);
  const digest = createHash('sha256').update(key.subarray(16, 32)).update(message).digest();
  if (!timingSafeEqual(digest, unhex(checksum.message))) throw new Error('invalid keystore password');
  const decipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), unhex(cipher.params.iv));
  const secretKey = Buffer.concat([decipher.update(message), decipher.final()]);
  const publicKey = publicKeyOf(secretKey);
  if (hex(publicKey) !== `0x${keystore.pubkey.replace(/^0x/, '').toLowerCase()}`) {
    throw new Error('the keystore holds another key than it names');
  }
  const cost = kdf.function === 'scrypt' ? `n=${params.n}` : `c=${params.c}`;
  return { secretKey, publicKey, path: keystore.path, kdf: `${kdf.function} ${cost}` };
}
