import { createHash } from 'node:crypto';
import type { NewKeypair } from '../../db/keypairs.ts';
import { writeSealedRecord } from '../../db/sealed-record.ts';
import { equalBytes } from '../../lib/bytes.ts';
import { GrowingBytes } from '../../lib/growing-bytes.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';

/**
 * Validators of which all rows are proven, byte for byte: this run has sealed them, or opened them, or the last upload's
 * proof holds for them. 32 bytes for each validator; rows that still are those need not be opened again.
 */
export class KnownRows {
  readonly #publicKeys = new RecordTable(PUBLIC_KEY_LENGTH);
  readonly #digests = new GrowingBytes(64 * HASH_LENGTH);

  /** @param digest - {@link digestRows} of the validator's rows; of two the later one counts */
  add(publicKey: Uint8Array, digest: Uint8Array): void {
    const at = this.#publicKeys.add(publicKey) * HASH_LENGTH;
    if (at === this.#digests.length) this.#digests.append(digest);
    else this.#digests.subarray(at, at + HASH_LENGTH).set(digest);
  }

  has(publicKey: Uint8Array, digest: Uint8Array): boolean {
    const place = this.#publicKeys.placeOf(publicKey);
    if (place === undefined) return false;
    const at = place * HASH_LENGTH;
    return equalBytes(this.#digests.subarray(at, at + HASH_LENGTH), digest);
  }
}

/** SHA-256 over records of one validator: its own row, then its shares by place. */
export function digestRows(records: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(records).digest());
}

/** {@link digestRows} of a keypair once it is stored and seen by readers. */
export function digestKeypair(
  { publicKey, secret, shares }: NewKeypair,
  { dataKeyId, oracleSetHash }: { readonly dataKeyId: number; readonly oracleSetHash: Uint8Array },
): Uint8Array {
  const hash = createHash('sha256').update(
    writeSealedRecord({
      kind: 'validator',
      publicKey,
      parentPublicKey: null,
      oracleSetHash: null,
      shareIndex: null,
      dataKeyId,
      ...secret,
    }),
  );
  for (const [shareIndex, share] of shares.entries()) {
    const row = {
      ...share,
      kind: 'share',
      parentPublicKey: publicKey,
      oracleSetHash,
      shareIndex,
      dataKeyId,
    } as const;
    hash.update(writeSealedRecord(row));
  }
  return new Uint8Array(hash.digest());
}
