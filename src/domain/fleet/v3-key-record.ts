import { PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from '../../lib/lengths.ts';

/** Length of the nonce that the Python operator draws for each key. */
export const V3_NONCE_LENGTH = 16;

/** A key as the Python operator has encrypted it. Its tag was not stored. */
export interface V3Key {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  /** 32 bytes. */
  readonly ciphertext: Uint8Array;
}

const CIPHERTEXT_AT = PUBLIC_KEY_LENGTH + V3_NONCE_LENGTH;
/** Length of a {@link V3Key} in a flat array. */
export const V3_KEY_LENGTH = CIPHERTEXT_AT + SECRET_KEY_LENGTH;

/** The key at a place of a flat array, as views. */
export function v3KeyAt(records: Uint8Array, place: number): V3Key {
  const record = records.subarray(place * V3_KEY_LENGTH, (place + 1) * V3_KEY_LENGTH);
  return {
    publicKey: record.subarray(0, PUBLIC_KEY_LENGTH),
    nonce: record.subarray(PUBLIC_KEY_LENGTH, CIPHERTEXT_AT),
    ciphertext: record.subarray(CIPHERTEXT_AT),
  };
}
