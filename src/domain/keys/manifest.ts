import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto';
import { compareBytes, toHex, wipe } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { ManifestEntry } from '../fleet/key-facts.ts';
import { deriveSubkey, NONCE_LENGTH } from './envelope.ts';
import { encodeManifestHead, type VaultContext } from './key-context.ts';

export interface Manifest {
  /** Grows by one with every change, so that two states never have the same MAC. */
  readonly counter: bigint;
  readonly depositDataRoot: Uint8Array | null;
  /** Entries in the order of their public keys. */
  readonly entries: Iterable<ManifestEntry>;
}

/** Length of an entry in the form that the MAC is made over: public key, data-key id, nonce. */
const MANIFEST_ENTRY_LENGTH = PUBLIC_KEY_LENGTH + 4 + NONCE_LENGTH;
const ENTRIES_PER_UPDATE = 256;

/**
 * HMAC-SHA256 over a vault's list of rows, under the 'manifest' subkey of the user's encryption key: a row that is
 * missing, added, exchanged or put back from an older state is noticed by it.
 * @returns 32 bytes
 * @throws RangeError when the entries are not in strictly ascending order
 */
export function computeManifestMac(
  encryptionKey: Uint8Array,
  context: VaultContext,
  manifest: Manifest,
): Uint8Array {
  const mac = new ManifestMac(encryptionKey, context, manifest);
  const block = new Uint8Array(ENTRIES_PER_UPDATE * MANIFEST_ENTRY_LENGTH);
  let filled = 0;
  for (const entry of manifest.entries) {
    writeEntry(block, filled, entry);
    filled += MANIFEST_ENTRY_LENGTH;
    if (filled === block.length) {
      mac.update(block);
      filled = 0;
    }
  }
  return mac.update(block.subarray(0, filled)).digest();
}

/** {@link computeManifestMac} of entries that come page by page. */
export class ManifestMac {
  readonly #mac: Hmac;
  #previous: Uint8Array | undefined;

  constructor(encryptionKey: Uint8Array, context: VaultContext, head: Omit<Manifest, 'entries'>) {
    const key = deriveSubkey(encryptionKey, 'manifest');
    this.#mac = createHmac('sha256', key);
    wipe(key);
    // Entries have one width and the head has another, so their number needs no place of its own.
    this.#mac.update(encodeManifestHead(context, head));
  }

  /**
   * @param entries - public key, data-key id (4 bytes, big-endian) and nonce of each, in the order of their public keys
   * @throws RangeError when they are not in strictly ascending order
   */
  update(entries: Uint8Array): this {
    for (let at = 0; at < entries.length; at += MANIFEST_ENTRY_LENGTH) {
      const publicKey = entries.subarray(at, at + PUBLIC_KEY_LENGTH);
      assertAscending(this.#previous, publicKey);
      this.#previous = publicKey;
    }
    // The caller may fill the same bytes anew.
    if (this.#previous !== undefined) this.#previous = Uint8Array.from(this.#previous);
    this.#mac.update(entries);
    return this;
  }

  digest(): Uint8Array {
    return new Uint8Array(this.#mac.digest());
  }
}

/** Whether a manifest has this MAC. */
export function verifyManifestMac(
  encryptionKey: Uint8Array,
  context: VaultContext,
  manifest: Manifest,
  expected: Uint8Array,
): boolean {
  return isSameMac(computeManifestMac(encryptionKey, context, manifest), expected);
}

/** Whether two MACs are equal, in a time that does not tell where they differ. */
export function isSameMac(actual: Uint8Array, expected: Uint8Array): boolean {
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

function writeEntry(block: Uint8Array, offset: number, entry: ManifestEntry): void {
  if (entry.publicKey.length !== PUBLIC_KEY_LENGTH || entry.nonce.length !== NONCE_LENGTH)
    throw new RangeError('malformed entry');
  block.set(entry.publicKey, offset);
  new DataView(block.buffer).setUint32(offset + PUBLIC_KEY_LENGTH, entry.dataKeyId);
  block.set(entry.nonce, offset + 52);
}

function assertAscending(previous: Uint8Array | undefined, next: Uint8Array): void {
  if (previous !== undefined && compareBytes(previous, next) >= 0) {
    throw new RangeError(`manifest entries are not in ascending order at ${toHex(next)}`);
  }
}
