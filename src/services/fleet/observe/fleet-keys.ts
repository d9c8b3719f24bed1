import { NAMED_KEYS } from '../../../domain/fleet/observation/named-keys.ts';
import type { SomeKeys } from '../../../domain/fleet/observation/observation.ts';
import type { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { toHex } from '../../../lib/bytes.ts';
import type { RecordTable } from '../../../lib/record-table.ts';

/** No validator client. */
export const NOBODY = -1;

/** The keys of a vault, and where they should be: flat, since there may be a hundred thousand with a dozen shares each. */
export interface FleetKeys {
  /** Public keys of the validators, retired ones among them. */
  readonly validators: RecordTable;
  /** What each signer should have: validators' keys, shares, or both; nothing of retired validators. */
  readonly signerKeys: RecordTable | undefined;
  /** The client that the plan gives each validator to, by its place, or {@link NOBODY}; undefined without a plan. */
  readonly clientOf: Int32Array | undefined;
  /** Validators that no client has to run any more, and that the one which the plan gives them to may run still. */
  readonly retired?: RetiredKeys | undefined;
}

/** Counts keys, and remembers the first of them by name. */
export class KeyCount {
  #total = 0;
  readonly #first: string[] = [];

  add(publicKey: Uint8Array): void {
    this.#total += 1;
    if (this.#first.length < NAMED_KEYS) this.#first.push(toHex(publicKey));
  }

  get(): SomeKeys {
    return { total: this.#total, publicKeys: this.#first };
  }
}
