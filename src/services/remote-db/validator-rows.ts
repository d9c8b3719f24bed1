import { createHash } from 'node:crypto';
import type { Session } from '../../db/database.ts';
import { pageValidatorRecords } from '../../db/key-secrets.ts';
import {
  isValidatorRecord,
  readPublicKey,
  readValidatorKey,
  SEALED_RECORD_LENGTH,
} from '../../db/sealed-record.ts';
import { concatBytes, equalBytes } from '../../lib/bytes.ts';
import { GrowingBytes } from '../../lib/growing-bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { sortRecords } from '../../lib/record-table.ts';

const PAGE_SIZE = 2_000;

/** All rows that readers see of one validator. */
export interface ValidatorRows {
  readonly publicKey: Uint8Array;
  /** Sealed records: its own row, then its shares by place. Views of a page, to be copied by whoever keeps them. */
  readonly records: Uint8Array;
}

/** What all rows together are. */
export interface RowsRead {
  /** SHA-256 over the whole of every row. */
  readonly digest: Uint8Array;
  /** The validators that have a row of their own, sorted, one after another. */
  readonly validators: Uint8Array;
}

/**
 * Reads every row that readers see, validator by validator; no more than a page is held at a time. Nothing is proven of them.
 * To be called within a transaction.
 * @param visit - given the rows of one validator; what it returns is awaited
 */
export async function readValidatorRows(
  transaction: Session,
  vaultId: number,
  visit: (rows: ValidatorRows) => Promise<void> | undefined,
): Promise<RowsRead> {
  const hash = createHash('sha256');
  const validators = new GrowingBytes();
  // The rows of a validator may begin on one page and end on the next.
  let rest: Uint8Array = new Uint8Array(0);
  for await (const page of pageValidatorRecords(transaction, { vaultId, pageSize: PAGE_SIZE })) {
    hash.update(page);
    for (const record of recordsOf(page)) {
      if (isValidatorRecord(record)) validators.append(readPublicKey(record));
    }
    const records = rest.length === 0 ? page : concatBytes([rest, page]);
    let begin = 0;
    for (let end = SEALED_RECORD_LENGTH; end < records.length; end += SEALED_RECORD_LENGTH) {
      if (equalBytes(keyAt(records, begin), keyAt(records, end))) continue;
      const visited = visit({ publicKey: keyAt(records, begin), records: records.subarray(begin, end) });
      if (visited !== undefined) await visited;
      begin = end;
    }
    rest = records.subarray(begin);
  }
  if (rest.length > 0) await visit({ publicKey: keyAt(rest, 0), records: rest });
  return {
    digest: new Uint8Array(hash.digest()),
    validators: sortRecords(validators.subarray(), PUBLIC_KEY_LENGTH),
  };
}

/** Each record of several, a view. */
export function* recordsOf(records: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < records.length; at += SEALED_RECORD_LENGTH) {
    yield records.subarray(at, at + SEALED_RECORD_LENGTH);
  }
}

function keyAt(records: Uint8Array, at: number): Uint8Array {
  return readValidatorKey(records.subarray(at, at + SEALED_RECORD_LENGTH));
}
