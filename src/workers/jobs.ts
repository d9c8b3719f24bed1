import type { KeystoreKdf } from '../domain/keys/keystore.ts';
import { PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from '../lib/lengths.ts';

/** Widths of the records in the flat arrays that cross between threads. */
export const SECRET_KEY_WIDTH = SECRET_KEY_LENGTH;
export const PUBLIC_KEY_WIDTH = PUBLIC_KEY_LENGTH;

/** Every job that a worker does: what goes in, what comes out. Byte arrays are flat: n records one after another. */
export interface Jobs {
  derive: {
    input: { readonly seed: Uint8Array; readonly firstIndex: number; readonly count: number };
    output: { readonly secretKeys: Uint8Array; readonly publicKeys: Uint8Array };
  };
  decryptKeystore: {
    input: { readonly text: string; readonly name: string; readonly password: string };
    output: Uint8Array;
  };
  encryptKeystore: {
    input: {
      readonly secretKey: Uint8Array;
      readonly password: string;
      readonly path: string;
      readonly kdf: KeystoreKdf;
    };
    output: string;
  };
  seal: { input: SealInput; output: SealOutput };
  open: { input: OpenInput; output: OpenOutput };
  /** Public keys of n secret keys; 48 zeros stand for a secret key that has none. */
  publicKeys: { input: { readonly secretKeys: Uint8Array }; output: Uint8Array };
}

export interface SealInput {
  readonly dataKey: Uint8Array;
  readonly dataKeyId: number;
  readonly chainId: number;
  readonly vault: Uint8Array;
  /** Hash (32 bytes), threshold and size of the oracle set to split for; null to seal the validators' keys only. */
  readonly oracleSet: {
    readonly hash: Uint8Array;
    readonly threshold: number;
    readonly count: number;
  } | null;
  /** n secret keys of 32 bytes. */
  readonly secretKeys: Uint8Array;
  /** Their n public keys of 48 bytes. */
  readonly publicKeys: Uint8Array;
}

export interface SealOutput {
  /** n nonces of 12 bytes and n ciphertexts of 48, in the order of the keys. */
  readonly nonces: Uint8Array;
  readonly ciphertexts: Uint8Array;
  /** The shares of key i stand at i · count … (i + 1) · count - 1, in oracle order. Empty without an oracle set. */
  readonly sharePublicKeys: Uint8Array;
  readonly shareNonces: Uint8Array;
  readonly shareCiphertexts: Uint8Array;
}

export interface OpenInput {
  readonly dataKeys: readonly { readonly id: number; readonly key: Uint8Array }[];
  /** n records: encoded key context, nonce, ciphertext. */
  readonly rows: Uint8Array;
}

export interface OpenOutput {
  /** n secret keys of 32 bytes; zeros, which are no key, for a row that was refused. */
  readonly secretKeys: Uint8Array;
  /** Places of the rows that are not what was written, ascending. */
  readonly refused: readonly number[];
}

export type JobName = keyof Jobs;
export type Input<N extends JobName> = Jobs[N]['input'];
export type Output<N extends JobName> = Jobs[N]['output'];
