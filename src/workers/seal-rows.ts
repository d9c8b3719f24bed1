import type { KeyObject } from 'node:crypto';
import { publicKeyOf } from '../domain/keys/derivation.ts';
import {
  importDataKey,
  NONCE_LENGTH,
  openEncoded,
  SEALED_LENGTH,
  sealSecretKey,
} from '../domain/keys/envelope.ts';
import { KEY_CONTEXT_LENGTH, type KeyContext, readKeyContext } from '../domain/keys/key-context.ts';
import { splitSecretKey } from '../domain/keys/key-share.ts';
import { equalBytes, wipe } from '../lib/bytes.ts';
import { PUBLIC_KEY_WIDTH, SECRET_KEY_WIDTH, type SealInput, type SealOutput } from './jobs.ts';

/** Width of a sealed row on its way to a thread: encoded key context, nonce, ciphertext. */
export const ROW_WIDTH = KEY_CONTEXT_LENGTH + NONCE_LENGTH + SEALED_LENGTH;

/** Seals validator keys, and fresh shares of them. The secret keys and the data key are overwritten. */
export function sealKeys(input: SealInput): SealOutput {
  const { secretKeys, publicKeys, oracleSet } = input;
  const count = secretKeys.length / SECRET_KEY_WIDTH;
  const keys = new SealedRows(count);
  const shares = new SealedRows(count * (oracleSet?.count ?? 0));
  const sharePublicKeys: Uint8Array[] = [];
  const context = { chainId: input.chainId, vault: input.vault, dataKeyId: input.dataKeyId };
  try {
    const dataKey = takeDataKey(input.dataKey);
    for (let i = 0; i < count; i++) {
      const secretKey = record(secretKeys, i, SECRET_KEY_WIDTH);
      const publicKey = record(publicKeys, i, PUBLIC_KEY_WIDTH);
      keys.add(dataKey, validatorContext(context, publicKey), secretKey);
      if (oracleSet === null) continue;
      for (const [shareIndex, share] of splitSecretKey(secretKey, oracleSet).entries()) {
        const sharePublicKey = publicKeyOf(share);
        sharePublicKeys.push(sharePublicKey);
        const shareContext: KeyContext = {
          ...context,
          kind: 'share',
          publicKey: sharePublicKey,
          parentPublicKey: publicKey,
          oracleSetHash: oracleSet.hash,
          shareIndex,
        };
        shares.add(dataKey, shareContext, share);
        wipe(share);
      }
    }
  } finally {
    wipe(secretKeys);
  }
  return {
    nonces: keys.nonces,
    ciphertexts: keys.ciphertexts,
    sharePublicKeys: joinRecords(sharePublicKeys, PUBLIC_KEY_WIDTH),
    shareNonces: shares.nonces,
    shareCiphertexts: shares.ciphertexts,
  };
}

/** The secret key of a row whose public key is that of the row; undefined for any other row. */
export function openRow(keyOf: ReadonlyMap<number, KeyObject>, row: Uint8Array): Uint8Array | undefined {
  const associatedData = row.subarray(0, KEY_CONTEXT_LENGTH);
  const { publicKey, dataKeyId } = readKeyContext(associatedData);
  const dataKey = keyOf.get(dataKeyId);
  const secretKey =
    dataKey &&
    openEncoded(dataKey, associatedData, {
      nonce: row.subarray(KEY_CONTEXT_LENGTH, KEY_CONTEXT_LENGTH + NONCE_LENGTH),
      ciphertext: row.subarray(KEY_CONTEXT_LENGTH + NONCE_LENGTH),
    });
  if (secretKey === undefined || isKeyOf(secretKey, publicKey)) return secretKey;
  wipe(secretKey);
  return undefined;
}

/** Whether these 32 bytes are a secret key, and the one of this public key. */
export function isKeyOf(secretKey: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    return equalBytes(publicKeyOf(secretKey), publicKey);
  } catch {
    // Zero, or not below the group's order: no key at all.
    return false;
  }
}

/** A data key for the rows of a job, whose bytes are overwritten. */
export function takeDataKey(bytes: Uint8Array): KeyObject {
  try {
    return importDataKey(bytes);
  } finally {
    wipe(bytes);
  }
}

/** Nonces and ciphertexts of rows, filled one after another. */
class SealedRows {
  readonly nonces: Uint8Array;
  readonly ciphertexts: Uint8Array;
  #filled = 0;

  constructor(count: number) {
    this.nonces = new Uint8Array(count * NONCE_LENGTH);
    this.ciphertexts = new Uint8Array(count * SEALED_LENGTH);
  }

  add(dataKey: KeyObject, context: KeyContext, secretKey: Uint8Array): void {
    const sealed = sealSecretKey(dataKey, context, secretKey);
    this.nonces.set(sealed.nonce, this.#filled * NONCE_LENGTH);
    this.ciphertexts.set(sealed.ciphertext, this.#filled * SEALED_LENGTH);
    this.#filled += 1;
  }
}

function validatorContext(
  vault: Pick<KeyContext, 'chainId' | 'vault' | 'dataKeyId'>,
  publicKey: Uint8Array,
): KeyContext {
  return {
    ...vault,
    kind: 'validator',
    publicKey,
    parentPublicKey: null,
    oracleSetHash: null,
    shareIndex: null,
  };
}

export function record(flat: Uint8Array, index: number, width: number): Uint8Array {
  return flat.subarray(index * width, (index + 1) * width);
}

function joinRecords(records: readonly Uint8Array[], width: number): Uint8Array {
  const flat = new Uint8Array(records.length * width);
  for (const [i, bytes] of records.entries()) flat.set(bytes, i * width);
  return flat;
}
