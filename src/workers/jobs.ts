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
  /** Reads keystores, decrypts them one after another, and seals their keys and fresh shares of them. */
  sealKeystores: {
    input: { readonly target: SealTarget; readonly keystores: readonly KeystoreToSeal[] };
    output: SealOutput;
  };
  /** Opens validators' rows and seals fresh shares of their keys. */
  shareAnew: {
    input: {
      readonly target: SealTarget;
      /** n records as those of `open`. */
      readonly rows: Uint8Array;
    };
    output: {
      /** 1 for each row that was opened, 0 for one that is not what was written. */
      readonly opened: Uint8Array;
      /** What was sealed of those that were opened, in their order. */
      readonly sealed: SealOutput;
    };
  };
  /** Verifies the signatures of deposits, and hashes them for the tree of the vault's deposit data. */
  checkDeposits: { input: DepositsToCheck; output: CheckedDeposits };
  /** Decrypts keys of the Python operator, derives each public key and compares. */
  checkV3Keys: {
    input: V3Keys;
    /** Places of the keys whose public key is another one, ascending. */
    output: { readonly refused: readonly number[] };
  };
  /** Decrypts keys of the Python operator, and seals them and fresh shares of them. */
  sealV3Keys: { input: V3Keys & { readonly target: SealTarget }; output: SealOutput };
}

/** Keys as the Python operator has encrypted them, and the 32 bytes that it has done it with. */
export interface V3Keys {
  readonly cipherKey: Uint8Array;
  /** n records of `v3-key-record.ts`. */
  readonly records: Uint8Array;
}

/** A keystore's file, and what is known of it already. */
export interface KeystoreToSeal {
  readonly path: string;
  readonly password: string;
  /** The 48 bytes that the file named when it was read first. */
  readonly publicKey: Uint8Array;
}

export interface DepositsToCheck {
  /** n public keys of 48 bytes and n signatures of 96. */
  readonly publicKeys: Uint8Array;
  readonly signatures: Uint8Array;
  /** Number of the first one in the deposit data. */
  readonly firstIndex: number;
  /** 20 bytes. */
  readonly vault: Uint8Array;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}

export interface CheckedDeposits {
  /** Numbers in the deposit data of those whose signature the beacon chain would not accept. */
  readonly invalid: readonly number[];
  /** n deposit data roots, and n hashes of the tree's leaves, of 32 bytes each. */
  readonly roots: Uint8Array;
  readonly leaves: Uint8Array;
}

export interface SealInput extends SealTarget {
  /** n secret keys of 32 bytes. */
  readonly secretKeys: Uint8Array;
  /** Their n public keys of 48 bytes. */
  readonly publicKeys: Uint8Array;
}

/** The key that rows are sealed under, and whose they are. */
export interface SealTarget {
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
