import { VISIBLE_SHARE_LENGTH } from '../../../db/public-facts.ts';
import type { OracleSet } from '../../../domain/protocol/oracle-config.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { shareStandsTwice, sharesIncomplete } from '../operator-facts-faults.ts';
import type { Validators } from './read-validators.ts';

/** Counts the public rows of shares. */
export class ShareSurvey {
  readonly #validators: Validators;
  /** How many of the first places each validator has, one after another. */
  readonly #counts: Uint32Array;
  readonly #seen = new RecordTable(PUBLIC_KEY_LENGTH);
  #length = 0;

  constructor(validators: Validators) {
    this.#validators = validators;
    this.#counts = new Uint32Array(validators.length);
  }

  /** @param page - of `pageVisibleShares` */
  add(page: Uint8Array): void {
    const numbers = new DataView(page.buffer, page.byteOffset, page.byteLength);
    for (let at = 0; at < page.length; at += VISIBLE_SHARE_LENGTH) {
      const parent = this.#validators.publicKeys.placeOf(page.subarray(at, at + PUBLIC_KEY_LENGTH));
      const place = numbers.getUint32(at + PUBLIC_KEY_LENGTH);
      if (parent !== undefined && this.#counts[parent] === place) this.#counts[parent] = place + 1;
      this.#seen.add(page.subarray(at + VISIBLE_SHARE_LENGTH - PUBLIC_KEY_LENGTH, at + VISIBLE_SHARE_LENGTH));
      this.#length += 1;
    }
  }

  /**
   * Insists that every validator of this oracle set has one share for each oracle, and that no share stands twice.
   * @throws OperatorError 'shares-incomplete'
   */
  assertComplete({ hash, publicKeys: oracles }: OracleSet): void {
    let validator = 0;
    for (const { publicKey, sharesSetHash } of this.#validators) {
      const count = this.#counts[validator] ?? 0;
      validator += 1;
      if (equalBytes(sharesSetHash, hash) && count !== oracles.length)
        throw sharesIncomplete(publicKey, count, oracles.length);
    }
    if (this.#seen.length !== this.#length) throw shareStandsTwice();
  }
}
