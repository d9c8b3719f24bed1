import {
  SHARE_RECORD_LENGTH,
  type SharedKey,
  type SharedKeys,
  sharesOf,
} from '../../../src/domain/fleet/shared-keys.ts';

/** Validators and shares in lists, an object for each. */
export function listKeys(keys: SharedKeys) {
  const keypairs: Pick<SharedKey, 'publicKey' | 'sharesSetHash'>[] = [];
  const shares: { parentPublicKey: Uint8Array; shareIndex: number; publicKey: Uint8Array }[] = [];
  for (const key of keys) {
    const { publicKey: parentPublicKey, sharesSetHash, records } = key;
    keypairs.push({ publicKey: parentPublicKey, sharesSetHash });
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    for (const [place, publicKey] of sharesOf(key).entries())
      shares.push({ parentPublicKey, shareIndex: view.getUint32(place * SHARE_RECORD_LENGTH), publicKey });
  }
  return { keypairs, shares };
}
