import { keccak256 } from 'ethers/crypto';
import type { Hex } from '../lib/bytes.ts';
import type { TransactionIntent } from './transaction.ts';

/**
 * The plan that a call comes of, where the same call may be right again another day: a top-up, a withdrawal. It ends with
 * the next event that such a call leaves on the chain, whoever has made it: what the plan looked at is no longer so.
 */
export interface Occasion {
  /** Block of the last such event that the plan knew of; null where there was none as far as it looked. */
  readonly lastEventBlock: number | null;
  /** Block as of which was planned. */
  readonly plannedAtBlock: number;
}

/** Blocks that a reorganisation may exchange below the one of a plan: more than two epochs, after which they are final. */
const REORG_BLOCKS = 96;

/**
 * Key of a call that is made on an occasion: the same as long as it is planned again on the same one, after a crash say, and
 * another one after the event that ends it.
 */
export function keyOfOccasion(
  kind: TransactionIntent['kind'],
  data: Hex,
  { lastEventBlock }: Occasion,
): string {
  return `${kind} ${keccak256(data)} after ${lastEventBlock ?? 'none'}`;
}

/**
 * First block in which an event can be that ends the occasion. Blocks before the plan were looked at when it was made, so
 * only those that may have been exchanged since are looked at again.
 */
export function firstBlockAfter({ lastEventBlock, plannedAtBlock }: Occasion): number {
  return Math.max(0, (lastEventBlock ?? -1) + 1, plannedAtBlock - REORG_BLOCKS + 1);
}
