import type { Hex } from '../lib/bytes.ts';

/** Where deposits are counted up to: two fields of a chain snapshot. */
export interface RegistryState {
  readonly blockNumber: number;
  /** Root of the deposit contract's tree at that block, 32 bytes. */
  readonly registryRoot: Uint8Array;
}

/** Every validator of the network for which the deposit contract has taken a valid deposit. */
export interface NetworkValidators {
  /**
   * Stores what has been finalized since the last time.
   * @returns the finalized block it is complete up to, and how many validators are new
   */
  sync(signal?: AbortSignal): Promise<{ readonly block: number; readonly added: number }>;
  /** Index that the network's next validator gets: the stored ones and those of unfinalized deposits up to the block. */
  nextValidatorIndex(at: RegistryState): Promise<bigint>;
  /** Which of the public keys (48 bytes) have had a valid deposit, unfinalized ones as of the last index included. */
  findRegistered(publicKeys: readonly Uint8Array[]): Promise<ReadonlySet<Hex>>;
}
