import { createHash } from 'node:crypto';
import { type Database, inSnapshot } from '../../db/database.ts';
import { pageActiveRecords } from '../../db/key-secrets.ts';
import type { StoredSecret } from '../../db/sealed-record.ts';
import {
  isValidatorRecord,
  readManifestEntry,
  readPublicKey,
  readSealedRecord,
  SEALED_RECORD_LENGTH,
} from '../../db/sealed-record.ts';
import { readVault, type Vault, vaultRemoved } from '../../db/vaults.ts';
import type { ManifestEntry } from '../../domain/fleet/key-facts.ts';

const PAGE_SIZE = 2_000;

/** Every row of a vault that readers see, sealed as it is, in public-key order; 200 bytes of memory a row. */
export interface VisibleRows {
  /** The vault as it was in the same snapshot. */
  readonly vault: Vault;
  readonly length: number;
  /** Rows `from` to `to`, made when they are asked for. */
  slice(from: number, to: number): StoredSecret[];
  publicKeyAt(index: number): Uint8Array;
  /** Whether the row is a share, and not a validator's own. */
  isShareAt(index: number): boolean;
  publicKeys(): Iterable<Uint8Array>;
  manifestEntries(): Iterable<ManifestEntry>;
  /** SHA-256 over the whole of every row, ciphertexts included. */
  digest(): Uint8Array;
}

/**
 * Reads the visible rows of a vault in one snapshot. Nothing is proven of them yet.
 * @throws OperatorError 'vault-removed'
 */
export function readVisibleRows(database: Database, vaultId: number): Promise<VisibleRows> {
  return inSnapshot(database, async snapshot => {
    const vault = await readVault(snapshot, vaultId);
    if (vault === undefined) throw vaultRemoved();
    const pages: Uint8Array[] = [];
    let length = 0;
    for await (const page of pageActiveRecords(snapshot, { vaultId, pageSize: PAGE_SIZE })) {
      pages.push(page);
      length += page.length / SEALED_RECORD_LENGTH;
    }
    return visibleRows(vault, pages, length);
  });
}

function visibleRows(vault: Vault, pages: readonly Uint8Array[], length: number): VisibleRows {
  // All pages but the last one are full.
  const rowAt = (index: number) => {
    const offset = (index % PAGE_SIZE) * SEALED_RECORD_LENGTH;
    const page = pages[Math.floor(index / PAGE_SIZE)] ?? new Uint8Array(0);
    return page.subarray(offset, offset + SEALED_RECORD_LENGTH);
  };
  function* records() {
    for (let index = 0; index < length; index++) yield rowAt(index);
  }
  return {
    vault,
    length,
    slice: (from, to) =>
      Array.from({ length: Math.min(to, length) - from }, (_, i) => readSealedRecord(rowAt(from + i))),
    publicKeyAt: index => readPublicKey(rowAt(index)),
    isShareAt: index => !isValidatorRecord(rowAt(index)),
    publicKeys: () => records().map(readPublicKey),
    manifestEntries: () => records().map(readManifestEntry),
    digest() {
      const hash = createHash('sha256');
      for (const page of pages) hash.update(page);
      return new Uint8Array(hash.digest());
    },
  };
}
