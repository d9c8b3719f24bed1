import { depositOfVault } from '../domain/consensus/deposit.ts';
import { findInvalidDeposits } from '../domain/consensus/deposit-signature.ts';
import { KEY_CONTEXT_LENGTH, readKeyContext } from '../domain/keys/key-context.ts';
import { decryptKeystore, parseKeystore } from '../domain/keys/keystore.ts';
import { encodeValidator, hashLeaf } from '../domain/protocol/deposit-leaf.ts';
import { equalBytes, fromHex, toHex, wipe } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import { readTextAtOnce } from '../lib/files.ts';
import { HASH_LENGTH, SIGNATURE_LENGTH } from '../lib/lengths.ts';
import { type Input, type KeystoreToSeal, type Output, PUBLIC_KEY_WIDTH, SECRET_KEY_WIDTH } from './jobs.ts';
import { openRow, ROW_WIDTH, record, sealKeys, takeDataKey } from './seal-rows.ts';

/** Decrypts keystores and seals their keys: no secret key leaves the thread. */
export async function sealKeystores({
  target,
  keystores,
}: Input<'sealKeystores'>): Promise<Output<'sealKeystores'>> {
  const secretKeys = new Uint8Array(keystores.length * SECRET_KEY_WIDTH);
  const publicKeys = new Uint8Array(keystores.length * PUBLIC_KEY_WIDTH);
  try {
    for (const [i, keystore] of keystores.entries()) {
      const secretKey = await decryptFile(keystore);
      secretKeys.set(secretKey, i * SECRET_KEY_WIDTH);
      publicKeys.set(keystore.publicKey, i * PUBLIC_KEY_WIDTH);
      wipe(secretKey);
    }
    return sealKeys({ ...target, secretKeys, publicKeys });
  } finally {
    wipe([secretKeys, target.dataKey]);
  }
}

/** The file is read again: what was read of it first is not kept, and may be another file's now. */
async function decryptFile({ path, password, publicKey }: KeystoreToSeal): Promise<Uint8Array> {
  const keystore = parseKeystore(readTextAtOnce(path), path);
  // Of one that does not name its key, the decryption shows whether it is the one that was found before.
  const pubkey = keystore.pubkey ?? toHex(publicKey);
  if (!equalBytes(fromHex(pubkey), publicKey)) {
    throw new OperatorError('keystore-changed', `${path} names another public key than a moment ago.`, {
      hint: 'Run the command again when nobody writes to the directory of the keystores any more.',
    });
  }
  return await decryptKeystore({ ...keystore, pubkey }, password, path);
}

/** Opens validators' rows and seals fresh shares of their keys: no secret key leaves the thread. */
export function shareAnew({ target, rows }: Input<'shareAnew'>): Output<'shareAnew'> {
  const count = rows.length / ROW_WIDTH;
  const opened = new Uint8Array(count);
  const secretKeys = new Uint8Array(count * SECRET_KEY_WIDTH);
  const publicKeys = new Uint8Array(count * PUBLIC_KEY_WIDTH);
  let found = 0;
  try {
    const dataKeys = new Map([[target.dataKeyId, takeDataKey(Uint8Array.from(target.dataKey))]]);
    for (let i = 0; i < count; i++) {
      const row = record(rows, i, ROW_WIDTH);
      const secretKey = openRow(dataKeys, row);
      if (secretKey === undefined) continue;
      opened[i] = 1;
      secretKeys.set(secretKey, found * SECRET_KEY_WIDTH);
      publicKeys.set(readKeyContext(row.subarray(0, KEY_CONTEXT_LENGTH)).publicKey, found * PUBLIC_KEY_WIDTH);
      wipe(secretKey);
      found += 1;
    }
    const sealed = sealKeys({
      ...target,
      secretKeys: secretKeys.subarray(0, found * SECRET_KEY_WIDTH),
      publicKeys: publicKeys.subarray(0, found * PUBLIC_KEY_WIDTH),
    });
    return { opened, sealed };
  } finally {
    wipe([secretKeys, target.dataKey]);
  }
}

/** Verifies the signatures of deposits together, and hashes them for the tree. */
export function checkDeposits(input: Input<'checkDeposits'>): Output<'checkDeposits'> {
  const { publicKeys, signatures, firstIndex, vault, genesisForkVersion } = input;
  const count = publicKeys.length / PUBLIC_KEY_WIDTH;
  const roots = new Uint8Array(count * HASH_LENGTH);
  const leaves = new Uint8Array(count * HASH_LENGTH);
  const entries = Array.from({ length: count }, (_, i) => ({
    publicKey: record(publicKeys, i, PUBLIC_KEY_WIDTH),
    signature: record(signatures, i, SIGNATURE_LENGTH),
  }));
  for (const [i, entry] of entries.entries()) {
    const validator = encodeValidator(entry, vault);
    roots.set(validator.subarray(-HASH_LENGTH), i * HASH_LENGTH);
    leaves.set(hashLeaf(validator, firstIndex + i), i * HASH_LENGTH);
  }
  const deposits = entries.map(entry => depositOfVault(entry, vault));
  const invalid = findInvalidDeposits(deposits, genesisForkVersion).map(place => firstIndex + place);
  return { invalid, roots, leaves };
}
