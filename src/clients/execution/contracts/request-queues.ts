import { z } from 'zod';
import { concatBytes, equalBytes, fromHex, toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH, HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { missingContract } from './contract-call.ts';

/** A request to withdraw that waits to be given to the beacon chain (EIP-7002). */
export interface QueuedWithdrawal {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 0 asks for the exit of the validator. */
  readonly amountGwei: bigint;
}

/** A request to consolidate that waits to be given to the beacon chain (EIP-7251). */
export interface QueuedConsolidation {
  /** 48 bytes. */
  readonly sourcePublicKey: Uint8Array;
  /** 48 bytes. */
  readonly targetPublicKey: Uint8Array;
}

/** What a system contract for requests has stored, as of one block. */
export interface RequestQueue<T> {
  /**
   * Requests of all blocks above their target, which the fee depends on; null as long as the contract takes none, from its
   * deployment to the first block of the fork.
   */
  readonly excess: bigint | null;
  /** Requests that the block itself has added. */
  readonly addedInBlock: bigint;
  /** Requests that wait, whoever has made them. */
  readonly length: number;
  /** Those of the vault, in the order of the queue: requests of others for its validators are void. */
  readonly ofVault: readonly T[];
}

export interface RequestQueueQuery {
  /** The system contract. */
  readonly contract: string;
  /** Who has made the requests that are returned. */
  readonly vault: string;
  readonly blockNumber: number;
}

// Storage of both contracts: excess, count of this block, head and tail of the queue, and the queue from the fifth place on.
const QUEUE_OFFSET = 4n;
/** `EXCESS_INHIBITOR`: what the excess is before the first block of the fork. */
const INHIBITOR = 2n ** 256n - 1n;
/** Above it a fee is more than all ether there is, after some 1,000 requests; a block adds fewer than 2,000 at one fee. */
const MOST_REQUESTS = 10_000n;
const PIECE = 200;
const WITHDRAWAL_SLOTS = 3n;
const CONSOLIDATION_SLOTS = 4n;

const word = z
  .string()
  .regex(/^0x[0-9a-f]{1,64}$/i)
  .transform(text => fromHex(text.slice(2).padStart(2 * HASH_LENGTH, '0'), HASH_LENGTH));

/**
 * The requests for withdrawals that wait in the system contract of EIP-7002.
 * @throws OperatorError `contract-not-found`; ExternalError `invalid-answer` for a storage that the contract cannot have
 */
export function fetchWithdrawalQueue(
  node: ExecutionNode,
  query: RequestQueueQuery,
): Promise<RequestQueue<QueuedWithdrawal>> {
  return fetchQueue(node, query, WITHDRAWAL_SLOTS, words => ({
    publicKey: words.slice(0, PUBLIC_KEY_LENGTH),
    amountGwei: readUint(words.subarray(PUBLIC_KEY_LENGTH, PUBLIC_KEY_LENGTH + 8)),
  }));
}

/**
 * The requests for consolidations that wait in the system contract of EIP-7251.
 * @throws OperatorError `contract-not-found`; ExternalError `invalid-answer` for a storage that the contract cannot have
 */
export function fetchConsolidationQueue(
  node: ExecutionNode,
  query: RequestQueueQuery,
): Promise<RequestQueue<QueuedConsolidation>> {
  return fetchQueue(node, query, CONSOLIDATION_SLOTS, words => ({
    sourcePublicKey: words.slice(0, PUBLIC_KEY_LENGTH),
    targetPublicKey: words.slice(PUBLIC_KEY_LENGTH, 2 * PUBLIC_KEY_LENGTH),
  }));
}

/** Reads the senders of all requests, and of those of the vault the rest: the node's batches stay small in a long queue. */
async function fetchQueue<T>(
  node: ExecutionNode,
  query: RequestQueueQuery,
  slotsOfRequest: bigint,
  readRequest: (words: Uint8Array) => T,
): Promise<RequestQueue<T>> {
  const readSlot = async (slot: bigint) => readUint(await fetchWord(node, query, slot));
  const [code, excess, addedInBlock, head, tail] = await Promise.all([
    node.getCode(query.contract, query.blockNumber),
    readSlot(0n),
    readSlot(1n),
    readSlot(2n),
    readSlot(3n),
  ]);
  if (code === '0x') throw missingContract(node, 'request', query.contract);
  if (head > tail || tail - head > MOST_REQUESTS) {
    throw new ExternalError(
      'invalid-answer',
      `${node.endpoint} tells of a queue of ${query.contract} from ${head} to ${tail}, which no chain can have.`,
    );
  }
  const vault = fromHex(query.vault, ADDRESS_LENGTH);
  const places = Array.from({ length: Number(tail - head) }, (_, i) => head + BigInt(i));
  const slotOf = (place: bigint) => QUEUE_OFFSET + place * slotsOfRequest;
  const isOfVault = await inPieces(places, async place => {
    const sender = await fetchWord(node, query, slotOf(place));
    return equalBytes(sender.subarray(HASH_LENGTH - ADDRESS_LENGTH), vault);
  });
  const ownPlaces = places.filter((_, i) => isOfVault[i]);
  const ofVault = await inPieces(ownPlaces, async place => {
    const slots = Array.from({ length: Number(slotsOfRequest) - 1 }, (_, i) => slotOf(place) + BigInt(i + 1));
    const words = await Promise.all(slots.map(slot => fetchWord(node, query, slot)));
    return readRequest(concatBytes(words));
  });
  return {
    excess: excess === INHIBITOR ? null : excess,
    addedInBlock,
    length: places.length,
    ofVault,
  };
}

/** Asks for a piece of a list at once, ten batches, and then for the next one. */
async function inPieces<T>(places: readonly bigint[], ask: (place: bigint) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let from = 0; from < places.length; from += PIECE) {
    for (const answer of await Promise.all(places.slice(from, from + PIECE).map(ask))) answers.push(answer);
  }
  return answers;
}

async function fetchWord(
  node: ExecutionNode,
  { contract, blockNumber }: RequestQueueQuery,
  slot: bigint,
): Promise<Uint8Array> {
  const params = [contract, toQuantity(slot), toQuantity(blockNumber)];
  const answer = word.safeParse(await node.send('eth_getStorageAt', params));
  if (answer.success) return answer.data;
  throw new ExternalError(
    'invalid-answer',
    `${node.endpoint} did not answer eth_getStorageAt with 32 bytes of hex.`,
    { cause: answer.error },
  );
}

function readUint(bytes: Uint8Array): bigint {
  return BigInt(toHex(bytes));
}

function toQuantity(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
