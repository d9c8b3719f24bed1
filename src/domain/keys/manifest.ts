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

const ENTRY_LENGTH = PUBLIC_KEY_LENGTH + 4 + NONCE_LENGTH;
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
  for (const entry of manifest.entries) mac.add(entry);
  return mac.digest();
}

/** {@link computeManifestMac} for entries that come one after another. */
export class ManifestMac {
  readonly #mac: Hmac;
  // Entries have one width and the head has another, so their number needs no place of its own.
  readonly #block = new Uint8Array(ENTRIES_PER_UPDATE * ENTRY_LENGTH);
  #filled = 0;
  #previous: Uint8Array | undefined;

  constructor(encryptionKey: Uint8Array, context: VaultContext, head: Omit<Manifest, 'entries'>) {
    const key = deriveSubkey(encryptionKey, 'manifest');
    this.#mac = createHmac('sha256', key);
    wipe(key);
    this.#mac.update(encodeManifestHead(context, head));
  }

  /** @throws RangeError when the public key is not above that of the entry before */
  add(entry: ManifestEntry): void {
    assertAscending(this.#previous, entry.publicKey);
    this.#previous = entry.publicKey;
    writeEntry(this.#block, this.#filled, entry);
    this.#filled += ENTRY_LENGTH;
    if (this.#filled < this.#block.length) return;
    this.#mac.update(this.#block);
    this.#filled = 0;
  }

  /** @returns 32 bytes */
  digest(): Uint8Array {
    return new Uint8Array(this.#mac.update(this.#block.subarray(0, this.#filled)).digest());
  }

  /** Whether this is the MAC of the entries; ends them as {@link digest} does. */
  equals(expected: Uint8Array): boolean {
    const actual = this.digest();
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  }
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
