import { REQUEST_QUEUES } from './protocol.ts';

export type QueueName = keyof typeof REQUEST_QUEUES;

/** A request queue at the end of a block. */
export interface QueueState {
  readonly excess: bigint;
  /** Place of the first entry. */
  readonly head: number;
  /** Sender and request of each entry, bare hex, as the contract logs them. */
  readonly entries: readonly string[];
}

/** The excess of a queue whose fork has just begun: it takes no request before its first block has ended. */
export const INHIBITED = 2n ** 256n - 1n;

const FIRST_SLOT = 4;
const SENDER_DIGITS = 40;
const WORD_DIGITS = 64;

export const EMPTY_QUEUE: QueueState = { excess: 0n, head: 0, entries: [] };

/**
 * Ends a block, as the system call does on a real chain: the oldest entries leave the queue, up to the maximum, and the excess
 * moves.
 * @param added - in this block, bare hex
 */
export function endBlock(
  name: QueueName,
  before: QueueState,
  added: readonly string[],
): { readonly after: QueueState; readonly taken: readonly string[] } {
  const { targetPerBlock, maxPerBlock } = REQUEST_QUEUES[name];
  const waiting = [...before.entries, ...added];
  const taken = waiting.slice(0, maxPerBlock);
  const entries = waiting.slice(maxPerBlock);
  const sum = (before.excess === INHIBITED ? 0n : before.excess) + BigInt(added.length);
  const target = BigInt(targetPerBlock);
  const head = entries.length === 0 ? 0 : before.head + taken.length;
  return { after: { excess: sum > target ? sum - target : 0n, head, entries }, taken };
}

/** The storage of a queue between two blocks: slot and value. */
export function storageOf(
  name: QueueName,
  { excess, head, entries }: QueueState,
): readonly [number, bigint][] {
  const words = Math.ceil(REQUEST_QUEUES[name].inputLength / 32);
  const slots: [number, bigint][] = [
    [0, excess],
    [1, 0n],
    [2, BigInt(head)],
    [3, BigInt(head + entries.length)],
  ];
  for (const [i, entry] of entries.entries()) {
    const first = FIRST_SLOT + (head + i) * (1 + words);
    slots.push([first, BigInt(`0x${entry.slice(0, SENDER_DIGITS)}`)]);
    for (let word = 0; word < words; word++) {
      const start = SENDER_DIGITS + word * WORD_DIGITS;
      slots.push([
        first + 1 + word,
        BigInt(`0x${entry.slice(start, start + WORD_DIGITS).padEnd(WORD_DIGITS, '0')}`),
      ]);
    }
  }
  return slots;
}

/** What a withdrawal entry asks for. */
export function parseWithdrawal(entry: string) {
  return {
    sourceAddress: `0x${entry.slice(0, 40)}`,
    publicKey: `0x${entry.slice(40, 136)}`,
    amountGwei: BigInt(`0x${entry.slice(136, 152)}`),
  };
}

/** What a consolidation entry asks for. */
export function parseConsolidation(entry: string) {
  return {
    sourceAddress: `0x${entry.slice(0, 40)}`,
    sourceKey: `0x${entry.slice(40, 136)}`,
    targetKey: `0x${entry.slice(136, 232)}`,
  };
}
