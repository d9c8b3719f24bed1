import { V3_KEY_LENGTH, v3KeyAt } from '../domain/fleet/v3-key-record.ts';
import { type V3Cipher, v3Cipher } from '../domain/keys/v3-cipher.ts';
import { toHex, wipe } from '../lib/bytes.ts';
import { type Input, type Output, PUBLIC_KEY_WIDTH, SECRET_KEY_WIDTH } from './jobs.ts';
import { isKeyOf, sealKeys } from './seal-rows.ts';

/** Decrypts keys of the Python operator, derives each and compares: which of them are not what their public key says. */
export function checkV3Keys({ cipherKey, records }: Input<'checkV3Keys'>): Output<'checkV3Keys'> {
  const refused: number[] = [];
  const cipher = takeCipher(cipherKey);
  for (let place = 0; place < records.length / V3_KEY_LENGTH; place++) {
    const key = v3KeyAt(records, place);
    const secretKey = cipher.decrypt(key);
    if (!isKeyOf(secretKey, key.publicKey)) refused.push(place);
    wipe(secretKey);
  }
  return { refused };
}

/** Decrypts keys of the Python operator and seals them with fresh shares of them: no secret key leaves the thread. */
export function sealV3Keys({ target, cipherKey, records }: Input<'sealV3Keys'>): Output<'sealV3Keys'> {
  const count = records.length / V3_KEY_LENGTH;
  const secretKeys = new Uint8Array(count * SECRET_KEY_WIDTH);
  const publicKeys = new Uint8Array(count * PUBLIC_KEY_WIDTH);
  try {
    const cipher = takeCipher(cipherKey);
    for (let place = 0; place < count; place++) {
      const key = v3KeyAt(records, place);
      const secretKey = cipher.decrypt(key);
      const isRight = isKeyOf(secretKey, key.publicKey);
      secretKeys.set(secretKey, place * SECRET_KEY_WIDTH);
      publicKeys.set(key.publicKey, place * PUBLIC_KEY_WIDTH);
      wipe(secretKey);
      // All of them were checked before they came here.
      if (!isRight)
        throw new RangeError(`${toHex(key.publicKey)} is not the public key of what was decrypted`);
    }
    return sealKeys({ ...target, secretKeys, publicKeys });
  } finally {
    wipe([secretKeys, target.dataKey]);
  }
}

/** The cipher of a key, which is overwritten. */
function takeCipher(key: Uint8Array): V3Cipher {
  try {
    return v3Cipher(key);
  } finally {
    wipe(key);
  }
}
