import { createHash } from 'node:crypto';
import { type Database, inSnapshot } from '../../db/database.ts';
import { pageActiveRecords } from '../../db/key-secrets.ts';
import type { StoredSecret } from '../../db/sealed-record.ts';
import {
  isValidatorRecord,
  moveHeadsToFront,
  RECORD_HEAD_LENGTH,
  readManifestEntry,
  readPublicKey,
  readSealedRecord,
  readValidatorKey,
  SEALED_RECORD_LENGTH,
} from '../../db/sealed-record.ts';
import { readVault, type Vault, vaultRemoved } from '../../db/vaults.ts';
import type { ManifestEntry } from '../../domain/fleet/key-facts.ts';
import { GrowingBytes } from '../../lib/growing-bytes.ts';

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
  /** The validator whose key the row is, or whose share: by the row, which is proven when it is opened. */
  validatorKeyAt(index: number): Uint8Array;
  publicKeys(): Iterable<Uint8Array>;
  manifestEntries(): Iterable<ManifestEntry>;
  /** SHA-256 over the whole of every row, ciphertexts included. */
  digest(): Uint8Array;
  /**
   * Lets go of what is sealed when all rows were opened: the public keys and kinds stay, a quarter of the memory, and the digest.
   * Rows, manifest entries and validators of shares cannot be asked for any more.
   */
  forgetSealed(): void;
}

/**
 * Reads the visible rows of a vault in one snapshot. Nothing is proven of them yet.
 * @throws OperatorError 'vault-removed'
 */
export function readVisibleRows(database: Database, vaultId: number): Promise<VisibleRows> {
  return inSnapshot(database, async snapshot => {
    const vault = await readVault(snapshot, vaultId);
    if (vault === undefined) throw vaultRemoved();
    const bytes = new GrowingBytes();
    for await (const page of pageActiveRecords(snapshot, { vaultId, pageSize: PAGE_SIZE }))
      bytes.append(page);
    return visibleRows(vault, bytes);
  });
}

function visibleRows(vault: Vault, bytes: GrowingBytes): VisibleRows {
  const length = bytes.length / SEALED_RECORD_LENGTH;
  let width = SEALED_RECORD_LENGTH;
  let digest: Uint8Array | undefined;
  const rowAt = (index: number) => bytes.subarray(width * index, width * (index + 1));
  function* records() {
    for (let index = 0; index < length; index++) yield rowAt(index);
  }
  const assertSealed = () => {
    if (width !== SEALED_RECORD_LENGTH) throw new Error('what is sealed of the rows was let go of');
  };
  const readDigest = () => {
    digest ??= new Uint8Array(createHash('sha256').update(bytes.subarray()).digest());
    return digest;
  };
  return {
    vault,
    length,
    slice(from, to) {
      assertSealed();
      return Array.from({ length: Math.min(to, length) - from }, (_, i) => readSealedRecord(rowAt(from + i)));
    },
    publicKeyAt: index => readPublicKey(rowAt(index)),
    isShareAt: index => !isValidatorRecord(rowAt(index)),
    validatorKeyAt(index) {
      assertSealed();
      const row = rowAt(index);
      // A row of somebody who has written beside it that it is a share, too, is the validator's own all the same.
      return isValidatorRecord(row) ? readPublicKey(row) : readValidatorKey(row);
    },
    publicKeys: () => records().map(readPublicKey),
    manifestEntries() {
      assertSealed();
      return records().map(readManifestEntry);
    },
    digest: readDigest,
    forgetSealed() {
      assertSealed();
      readDigest();
      bytes.truncate(moveHeadsToFront(bytes.subarray()));
      width = RECORD_HEAD_LENGTH;
    },
  };
}
