import { Interface } from 'ethers/abi';
import { z } from 'zod';
import { fromHex, type Hex } from '../../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { findLastLog } from '../log-search.ts';
import { type RawLog, walkLogs } from '../log-walk.ts';

/** What a vault tells of its validators. None of the arguments is indexed. */
const eventsAbi = new Interface([
  'event ValidatorRegistered(bytes publicKey)',
  'event V2ValidatorRegistered(bytes publicKey, uint256 amount)',
  'event ValidatorFunded(bytes publicKey, uint256 amount)',
  'event ValidatorWithdrawalSubmitted(bytes publicKey, uint256 amount, uint256 feePaid)',
]);

export type VaultEventName =
  | 'ValidatorRegistered'
  | 'V2ValidatorRegistered'
  | 'ValidatorFunded'
  | 'ValidatorWithdrawalSubmitted';

export interface VaultEvent {
  readonly name: VaultEventName;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** Assets in wei: 0 for the withdrawal of everything; null for `ValidatorRegistered`, which is of 32 ETH. */
  readonly amountWei: bigint | null;
  readonly blockNumber: number;
}

/** All events of a range of blocks, in chain order. */
export interface VaultEventWindow {
  /** Where to go on: all events up to this block have been seen. */
  readonly toBlock: number;
  readonly events: readonly VaultEvent[];
}

/** Which events of which blocks. */
export interface VaultEventSearch {
  readonly vault: string;
  readonly names: readonly VaultEventName[];
  readonly fromBlock: number;
  readonly toBlock: number;
}

/**
 * Events of a vault, window by window, the oldest first: whoever stores them stores `toBlock` with them, and goes on behind it.
 * @throws ExternalError `invalid-answer` for an event that a vault cannot have made; what `walkLogs` throws
 */
export async function* walkVaultEvents(
  node: ExecutionNode,
  search: VaultEventSearch,
): AsyncGenerator<VaultEventWindow> {
  const { vault, names, fromBlock, toBlock } = search;
  const walk = { address: vault, topics: [names.map(topicOf)], fromBlock, toBlock, windowBlocks: WINDOW };
  for await (const window of walkLogs(node, walk)) {
    yield { toBlock: window.toBlock, events: window.logs.map(log => readVaultEvent(node, names, log)) };
  }
}

/** All that {@link walkVaultEvents} finds, in chain order. */
export async function findVaultEvents(
  node: ExecutionNode,
  search: VaultEventSearch,
): Promise<readonly VaultEvent[]> {
  const windows: (readonly VaultEvent[])[] = [];
  for await (const { events } of walkVaultEvents(node, search)) windows.push(events);
  return windows.flat();
}

/**
 * The newest of the events in a range of blocks.
 * @returns null when there is none
 * @throws ExternalError as {@link walkVaultEvents}
 */
export async function findLastVaultEvent(
  node: ExecutionNode,
  { vault, names, fromBlock, toBlock }: VaultEventSearch,
): Promise<VaultEvent | null> {
  const topics = [names.map(topicOf)];
  const log = await findLastLog(node, { address: vault, topics, fromBlock, toBlock });
  return log === null ? null : readVaultEvent(node, names, log);
}

/** A vault has few events: one request for half a year, of nodes that limit the size of an answer and not its range. */
const WINDOW = 1_000_000;

/** What logs of an event are found by. */
export function topicOf(name: VaultEventName): Hex {
  return eventsAbi.getEvent(name)?.topicHash.toLowerCase() as Hex;
}

const eventArguments = z.tuple([z.string()], z.bigint());

/** An event of one of these names. @throws ExternalError `invalid-answer` for one that a vault cannot have made, or another one */
export function readVaultEvent(
  node: ExecutionNode,
  names: readonly VaultEventName[],
  log: Pick<RawLog, 'data' | 'blockNumber'> & { readonly topics: readonly string[] },
): VaultEvent {
  const { blockNumber } = log;
  const name = names.find(one => topicOf(one) === log.topics[0]?.toLowerCase());
  try {
    if (name === undefined) throw new RangeError('a topic that was not asked for');
    const values = eventsAbi.decodeEventLog(name, log.data, [...log.topics]).toArray();
    const [publicKey, amountWei = null] = eventArguments.parse(values);
    return { name, publicKey: fromHex(publicKey, PUBLIC_KEY_LENGTH), amountWei, blockNumber };
  } catch (error) {
    throw new ExternalError(
      'invalid-answer',
      `${node.endpoint} tells of an event in block ${blockNumber} that a vault cannot have made: ${messageOf(error)}.`,
      { cause: error },
    );
  }
}
