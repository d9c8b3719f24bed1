import { createCipheriv, pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto';
import { keccak256 } from 'ethers/crypto';

/** A wallet whose key derivation costs nothing, of a secret key of 32 bytes 0x11. */
export function cheapWallet(password: string): string {
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  const key = pbkdf2Sync(Buffer.from(password), salt, 1, 32, 'sha256');
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(Buffer.alloc(32, 0x11)), cipher.final()]);
  return JSON.stringify({
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: ciphertext.toString('hex'),
      kdf: 'pbkdf2',
      kdfparams: { c: 1, dklen: 32, prf: 'hmac-sha256', salt: salt.toString('hex') },
      mac: keccak256(Buffer.concat([key.subarray(16), ciphertext])).slice(2),
    },
    id: randomUUID(),
    version: 3,
  });
}
