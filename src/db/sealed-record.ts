import { type RawBuilder, sql } from 'kysely';
import type { KeyFacts, ManifestEntry } from '../domain/fleet/key-facts.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import type { SealedKey } from './keypairs.ts';

/** A sealed key with the public facts that it is bound to. */
export interface StoredSecret extends SealedKey, KeyFacts {}

const IS_VALIDATOR = 1;
const IS_SHARE = 2;
const OFFSET = {
  publicKey: 1,
  parent: 49,
  set: 97,
  shareIndex: 129,
  dataKeyId: 133,
  nonce: 137,
  ciphertext: 149,
};

/** Length of a row in {@link sealedRecord}'s form. */
export const SEALED_RECORD_LENGTH = 197;

/**
 * A row of `key_secrets c` with its facts from `keypairs k` or `key_shares s` as one bytea, every field at its place: a
 * column of its own for each costs the client twice the time and ten times the memory, which counts with 120,000 rows.
 */
export function sealedRecord(): RawBuilder<Uint8Array> {
  const zeros = (count: number) => sql`decode(${sql.lit('00'.repeat(count))}, 'hex')`;
  return sql`case when k.public_key is null then '\\x02'::bytea when s.public_key is null then '\\x01'::bytea
      else '\\x03'::bytea end
    || c.public_key || coalesce(s.parent_public_key, ${zeros(PUBLIC_KEY_LENGTH)}) || coalesce(s.oracle_set_hash, ${zeros(HASH_LENGTH)})
    || int4send(coalesce(s.share_index, 0)) || int4send(c.data_key_id) || c.nonce || c.ciphertext`;
}

/** The row in a record; its byte strings are views of it. */
export function readSealedRecord(record: Uint8Array): StoredSecret {
  const flags = record[0] ?? 0;
  const isShare = (flags & IS_SHARE) !== 0;
  const numbers = new DataView(record.buffer, record.byteOffset);
  return {
    kind: (flags & IS_VALIDATOR) === 0 ? 'share' : 'validator',
    publicKey: record.subarray(OFFSET.publicKey, OFFSET.parent),
    parentPublicKey: isShare ? record.subarray(OFFSET.parent, OFFSET.set) : null,
    oracleSetHash: isShare ? record.subarray(OFFSET.set, OFFSET.shareIndex) : null,
    shareIndex: isShare ? numbers.getUint32(OFFSET.shareIndex) : null,
    dataKeyId: numbers.getUint32(OFFSET.dataKeyId),
    nonce: record.subarray(OFFSET.nonce, OFFSET.ciphertext),
    ciphertext: record.subarray(OFFSET.ciphertext, SEALED_RECORD_LENGTH),
  };
}

/** The record of a row, as {@link sealedRecord} makes it in the database. */
export function writeSealedRecord({ kind, nonce, ciphertext, ...row }: StoredSecret): Uint8Array {
  const record = new Uint8Array(SEALED_RECORD_LENGTH);
  const numbers = new DataView(record.buffer);
  record[0] = kind === 'validator' ? IS_VALIDATOR : IS_SHARE;
  record.set(row.publicKey, OFFSET.publicKey);
  if (row.parentPublicKey !== null) record.set(row.parentPublicKey, OFFSET.parent);
  if (row.oracleSetHash !== null) record.set(row.oracleSetHash, OFFSET.set);
  numbers.setUint32(OFFSET.shareIndex, row.shareIndex ?? 0);
  numbers.setUint32(OFFSET.dataKeyId, row.dataKeyId);
  record.set(nonce, OFFSET.nonce);
  record.set(ciphertext, OFFSET.ciphertext);
  return record;
}

/** Length of a record's head, which {@link readPublicKey} and {@link isValidatorRecord} read. */
export const RECORD_HEAD_LENGTH = OFFSET.parent;

/** Moves the heads of records to the front, one after another, over what stood there. @returns how many bytes they are */
export function moveHeadsToFront(records: Uint8Array): number {
  let end = 0;
  for (let at = 0; at < records.length; at += SEALED_RECORD_LENGTH, end += RECORD_HEAD_LENGTH)
    records.copyWithin(end, at, at + RECORD_HEAD_LENGTH);
  return end;
}

/** The public key of the validator to whom a record's row belongs: its own, or that of which it is a share. A view of it. */
export function readValidatorKey(record: Uint8Array): Uint8Array {
  const isShare = ((record[0] ?? 0) & IS_SHARE) !== 0;
  return isShare ? record.subarray(OFFSET.parent, OFFSET.set) : readPublicKey(record);
}

/** Whether a record's row is a validator's own. */
export function isValidatorRecord(record: Uint8Array): boolean {
  return ((record[0] ?? 0) & IS_VALIDATOR) !== 0;
}

/** What the manifest covers of a record's row: a third of the objects of {@link readSealedRecord}. */
export function readManifestEntry(record: Uint8Array): ManifestEntry {
  return {
    publicKey: readPublicKey(record),
    dataKeyId: new DataView(record.buffer, record.byteOffset).getUint32(OFFSET.dataKeyId),
    nonce: record.subarray(OFFSET.nonce, OFFSET.ciphertext),
  };
}

/** The public key of a record's row, a view of it. */
export function readPublicKey(record: Uint8Array): Uint8Array {
  return record.subarray(OFFSET.publicKey, OFFSET.parent);
}

/** Rows of a page of records, made when they are asked for: those of 120,000 at once are a million objects. */
export interface SealedPage {
  readonly records: Uint8Array;
  readonly length: number;
  slice(from: number, to: number): StoredSecret[];
}

/** The rows of records that stand one after another. */
export function readSealedPage(records: Uint8Array): SealedPage {
  const length = records.length / SEALED_RECORD_LENGTH;
  const rowAt = (index: number) =>
    readSealedRecord(records.subarray(index * SEALED_RECORD_LENGTH, (index + 1) * SEALED_RECORD_LENGTH));
  return {
    records,
    length,
    slice: (from, to) =>
      Array.from({ length: Math.max(0, Math.min(to, length) - from) }, (_, i) => rowAt(from + i)),
  };
}

/** What the manifest covers of each row of a page: public key, data-key id and nonce, one after another. */
export function readManifestEntries(records: Uint8Array): Uint8Array {
  const keyLength = OFFSET.parent - OFFSET.publicKey;
  const length = keyLength + OFFSET.ciphertext - OFFSET.dataKeyId;
  const entries = new Uint8Array((records.length / SEALED_RECORD_LENGTH) * length);
  for (let at = 0, entry = 0; at < records.length; at += SEALED_RECORD_LENGTH, entry += length) {
    entries.set(records.subarray(at + OFFSET.publicKey, at + OFFSET.parent), entry);
    entries.set(records.subarray(at + OFFSET.dataKeyId, at + OFFSET.ciphertext), entry + keyLength);
  }
  return entries;
}
