import { describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { parseV3EncryptionKey, v3Cipher } from '../../../../src/domain/keys/v3-cipher.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { RECORDED_ENCRYPT_KEY } from '../../../support/recorded/recorded-vault.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedRow {
  readonly public_key: string;
  readonly private_key: string;
  readonly nonce: string;
}

describe('v3Cipher', () => {
  it('v3Cipher decrypts what another program has encrypted by AES-256-EAX', () => {
    // The ciphertext of 32 zeros, made by PyCryptodome.
    const cipher = v3Cipher(fromHex('00112233445566778899aabbccddeeff'.repeat(2), 32));
    const opened = cipher.decrypt({
      nonce: fromHex('000102030405060708090a0b0c0d0e0f', 16),
      ciphertext: fromHex('b39fcda571f69b79613f9d5633d73ea20efde615dbdeeff712a93328b4ccfb5f', 32),
    });
    expect(opened).toEqual(new Uint8Array(32));
  });

  it('v3Cipher opens every key and share that the Python operator has stored', () => {
    const rows = readRecordedJson<RecordedRow[]>('03-remote-db/2-after-upload-keypairs.json');
    const cipher = v3Cipher(parseV3EncryptionKey(RECORDED_ENCRYPT_KEY));
    const derived = rows.map(row =>
      toHex(
        publicKeyOf(
          cipher.decrypt({ nonce: fromHex(row.nonce, 16), ciphertext: fromHex(row.private_key, 32) }),
        ),
      ),
    );
    expect(derived).toEqual(rows.map(row => row.public_key));
    expect(derived).toHaveLength(50);
  });
});

describe('parseV3EncryptionKey', () => {
  it('parseV3EncryptionKey reads the 32 bytes that were printed', () => {
    expect(Buffer.from(parseV3EncryptionKey(RECORDED_ENCRYPT_KEY)).toString('base64')).toBe(
      RECORDED_ENCRYPT_KEY,
    );
  });

  it.each([
    ['empty', ''],
    ['of 31 bytes', Buffer.alloc(31, 7).toString('base64')],
    ['of 33 bytes', Buffer.alloc(33, 7).toString('base64')],
    ['in hex', '07'.repeat(32)],
    ['with a sign that is no base64', `${RECORDED_ENCRYPT_KEY.slice(0, -2)}!=`],
  ])('parseV3EncryptionKey refuses a key that is %s, and does not repeat it', (_, text) => {
    const parse = () => parseV3EncryptionKey(text);
    expect(parse).toThrow(expect.objectContaining({ code: 'v3-key-malformed' }));
    expect(parse).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/0707|BwcH|Qg7Y/) }));
  });
});
