import type { Session } from '../../../db/database.ts';
import { pageActiveKeypairs } from '../../../db/public-facts.ts';
import { KEYPAIR_ROW_LENGTH, publicKeysOf, validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import { concatBytes, equalBytes } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';

/** A validator that readers see; both are views. */
export interface Validator {
  readonly publicKey: Uint8Array;
  /** Hash of the oracle set of its visible shares. */
  readonly sharesSetHash: Uint8Array;
}

/** The validators that readers see, in public-key order, flat. */
export class Validators implements Iterable<Validator> {
  /** Public key and hash of each. */
  readonly records: Uint8Array;
  /** The public keys, each with its number. */
  readonly publicKeys: RecordTable;

  constructor(records: Uint8Array) {
    this.records = records;
    this.publicKeys = new RecordTable(PUBLIC_KEY_LENGTH);
    for (const { publicKey } of this) this.publicKeys.add(publicKey);
  }

  get length(): number {
    return this.records.length / KEYPAIR_ROW_LENGTH;
  }

  *[Symbol.iterator](): Generator<Validator> {
    for (let at = 0; at < this.records.length; at += KEYPAIR_ROW_LENGTH) {
      yield {
        publicKey: this.records.subarray(at, at + PUBLIC_KEY_LENGTH),
        sharesSetHash: this.records.subarray(at + PUBLIC_KEY_LENGTH, at + KEYPAIR_ROW_LENGTH),
      };
    }
  }

  /** SHA-256 over the public keys, as it is stored and signed. */
  digest(): Uint8Array {
    return validatorsDigest([publicKeysOf(this.records)]);
  }

  /** How many have shares of this oracle set. */
  countOfSet(hash: Uint8Array | null): number {
    let count = 0;
    for (const { sharesSetHash } of this) if (hash !== null && equalBytes(sharesSetHash, hash)) count += 1;
    return count;
  }
}

/** Reads the validators that readers see; within a transaction. */
export async function readValidators(session: Session, vaultId: number): Promise<Validators> {
  const pages: Uint8Array[] = [];
  for await (const page of pageActiveKeypairs(session, vaultId)) pages.push(page);
  return new Validators(concatBytes(pages));
}
