import { createHash } from 'node:crypto';
import { compareBytes } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';

/**
 * Where a retired key is taken out, one after another: the signers' files, the validator clients' files, and what exit signatures
 * are rotated by. A key that is at a stage has left all parts up to that one. Signers come first: what they lack, nobody can sign
 * with, whoever still names it.
 */
export const RETIREMENT_STAGES = ['signers', 'clients', 'rotation'] as const;
export type RetirementStage = (typeof RETIREMENT_STAGES)[number];

/** Length of a record of {@link RetiredKeys.read}: the stage from 1, and the public key. */
const RETIRED_RECORD_LENGTH = 1 + PUBLIC_KEY_LENGTH;

export interface RetiredKey {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  readonly stage: RetirementStage;
}

/** The validators of a vault whose keys nobody needs any more, each with the stage that its retirement has come to. */
export class RetiredKeys implements Iterable<RetiredKey> {
  static readonly NONE = new RetiredKeys([]);

  readonly #keys = new RecordTable(PUBLIC_KEY_LENGTH);
  /** The stage of each key by its place, 1 for the first one. */
  readonly #stages: number[] = [];

  /** @param keys - of equal ones the first counts */
  constructor(keys: Iterable<RetiredKey>) {
    for (const { publicKey, stage } of keys) {
      if (this.#keys.has(publicKey)) continue;
      this.#keys.add(publicKey);
      this.#stages.push(RETIREMENT_STAGES.indexOf(stage) + 1);
    }
  }

  /** The keys of records that stand one after another; a stage that is none is the first, which takes the least away. */
  static read(records: Uint8Array): RetiredKeys {
    const keys = Array.from({ length: records.length / RETIRED_RECORD_LENGTH }, (_, place) => {
      const at = place * RETIRED_RECORD_LENGTH;
      const stage = RETIREMENT_STAGES[(records[at] ?? 0) - 1] ?? 'signers';
      return { publicKey: records.subarray(at + 1, at + RETIRED_RECORD_LENGTH), stage };
    });
    return new RetiredKeys(keys);
  }

  get length(): number {
    return this.#keys.length;
  }

  has(publicKey: Uint8Array): boolean {
    return this.#keys.has(publicKey);
  }

  /** Whether this part has to do without the key. */
  isTakenFrom(part: RetirementStage, publicKey: Uint8Array): boolean {
    const place = this.#keys.placeOf(publicKey);
    return place !== undefined && (this.#stages[place] ?? 0) > RETIREMENT_STAGES.indexOf(part);
  }

  /** How many keys are at a stage. */
  countAt(stage: RetirementStage): number {
    const number = RETIREMENT_STAGES.indexOf(stage) + 1;
    return this.#stages.filter(one => one === number).length;
  }

  /** How many keys are at each stage, under the names that results have for them. */
  counts(): { readonly outOfSigners: number; readonly outOfClients: number; readonly outOfRotation: number } {
    return {
      outOfSigners: this.countAt('signers'),
      outOfClients: this.countAt('clients'),
      outOfRotation: this.countAt('rotation'),
    };
  }

  /** The keys that are at a stage. */
  *at(stage: RetirementStage): Generator<Uint8Array, void, undefined> {
    for (const key of this) if (key.stage === stage) yield key.publicKey;
  }

  *[Symbol.iterator](): Generator<RetiredKey, void, undefined> {
    for (const [place, publicKey] of [...this.#keys].entries())
      yield { publicKey, stage: RETIREMENT_STAGES[(this.#stages[place] ?? 1) - 1] ?? 'signers' };
  }

  /** These and further keys, which begin with the first stage. */
  with(publicKeys: Iterable<Uint8Array>): RetiredKeys {
    const fresh = Iterator.from(publicKeys).map(publicKey => ({ publicKey, stage: 'signers' as const }));
    return new RetiredKeys([...this, ...fresh]);
  }

  /** The same keys, of which those at a stage have gone on to the next one that are proven to have left its part. */
  advanced(from: 'signers' | 'clients', hasLeft: (publicKey: Uint8Array) => boolean): RetiredKeys {
    const next = from === 'signers' ? 'clients' : 'rotation';
    return new RetiredKeys(
      Iterator.from(this).map(key =>
        key.stage === from && hasLeft(key.publicKey) ? { publicKey: key.publicKey, stage: next } : key,
      ),
    );
  }

  /** SHA-256 over all keys with their stages in the order of the keys, as a statement names them; null when there are none. */
  digest(): Uint8Array | null {
    if (this.length === 0) return null;
    const hash = createHash('sha256').update('stakewise-operator/retired/v1');
    for (const { publicKey, stage } of [...this].sort((a, b) => compareBytes(a.publicKey, b.publicKey)))
      hash.update(Uint8Array.of(RETIREMENT_STAGES.indexOf(stage) + 1)).update(publicKey);
    return new Uint8Array(hash.digest());
  }
}
