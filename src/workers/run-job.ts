import { createKeyDeriver, type KeyDeriver, publicKeyOf } from '../domain/keys/derivation.ts';
import { decryptKeystore, encryptKeystore, formatKeystore, parseKeystore } from '../domain/keys/keystore.ts';
import { wipe } from '../lib/bytes.ts';
import {
  type Input,
  type Jobs,
  type OpenInput,
  type OpenOutput,
  type Output,
  PUBLIC_KEY_WIDTH,
  SECRET_KEY_WIDTH,
} from './jobs.ts';
import { openRow, ROW_WIDTH, record, sealKeys, takeDataKey } from './seal-rows.ts';
import type { JobHandlers } from './thread-messages.ts';
import { checkDeposits, sealKeystores, shareAnew } from './upload-jobs.ts';
import { checkV3Keys, sealV3Keys } from './v3-jobs.ts';

/** What a worker does. Secrets of an input are overwritten, whatever comes of the job. */
export const JOB_HANDLERS: JobHandlers<Jobs> = {
  derive: deriveKeys,
  decryptKeystore: ({ text, name, password }) => decryptKeystore(parseKeystore(text, name), password, name),
  encryptKeystore: async input => {
    try {
      return formatKeystore(await encryptKeystore(input));
    } finally {
      wipe(input.secretKey);
    }
  },
  seal: sealKeys,
  open: openRows,
  publicKeys: derivePublicKeys,
  sealKeystores,
  shareAnew,
  checkDeposits,
  checkV3Keys,
  sealV3Keys,
};

function deriveKeys({ seed, firstIndex, count }: Input<'derive'>): Output<'derive'> {
  const derive = takeSeed(seed);
  const secretKeys = new Uint8Array(count * SECRET_KEY_WIDTH);
  const publicKeys = new Uint8Array(count * PUBLIC_KEY_WIDTH);
  try {
    for (let i = 0; i < count; i++) {
      const secretKey = derive(firstIndex + i);
      secretKeys.set(secretKey, i * SECRET_KEY_WIDTH);
      publicKeys.set(publicKeyOf(secretKey), i * PUBLIC_KEY_WIDTH);
      wipe(secretKey);
    }
    return { secretKeys, publicKeys };
  } catch (error) {
    wipe(secretKeys);
    throw error;
  }
}

/** The key deriver of a seed, which is overwritten. */
function takeSeed(seed: Uint8Array): KeyDeriver {
  try {
    return createKeyDeriver(seed);
  } finally {
    wipe(seed);
  }
}

function derivePublicKeys({ secretKeys }: Input<'publicKeys'>): Uint8Array {
  const count = secretKeys.length / SECRET_KEY_WIDTH;
  const publicKeys = new Uint8Array(count * PUBLIC_KEY_WIDTH);
  for (let i = 0; i < count; i++) {
    try {
      publicKeys.set(publicKeyOf(record(secretKeys, i, SECRET_KEY_WIDTH)), i * PUBLIC_KEY_WIDTH);
    } catch {
      // Zero, or not below the group's order: told by the zeros that stay.
    }
  }
  wipe(secretKeys);
  return publicKeys;
}

/** Opens every row, derives its public key and compares. */
function openRows({ dataKeys, rows }: OpenInput): OpenOutput {
  const keyOf = new Map(dataKeys.map(({ id, key }) => [id, takeDataKey(key)]));
  const count = rows.length / ROW_WIDTH;
  const secretKeys = new Uint8Array(count * SECRET_KEY_WIDTH);
  const refused: number[] = [];
  for (let i = 0; i < count; i++) {
    const secretKey = openRow(keyOf, record(rows, i, ROW_WIDTH));
    if (secretKey === undefined) refused.push(i);
    else secretKeys.set(secretKey, i * SECRET_KEY_WIDTH);
    if (secretKey !== undefined) wipe(secretKey);
  }
  return { secretKeys, refused };
}
