import type { Hex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { type BlockHeader, fetchHead, fetchHeader } from './block-headers.ts';
import {
  type ChainState,
  type ChainStateOptions,
  createStateReader,
  type StateReader,
} from './chain-state.ts';
import type { KeeperRef } from './contracts/keeper.ts';
import {
  findKeeperEvents,
  followKeeperEvents,
  type KeeperEvents,
  kindsAfter,
  NO_EVENTS,
} from './contracts/keeper-events.ts';
import type { ExecutionNode } from './execution-node.ts';

/** What the chain says as of one block: all that a round of the operator's tasks looks at. */
export interface ChainSnapshot extends ChainState {
  /** The keeper's last events up to this block. */
  readonly events: KeeperEvents;
}

/** Reads snapshots; all tasks share one. */
export interface ChainReader {
  /**
   * The chain at its head. Callers of one slot share what was read; one that comes after its own transaction asks for a
   * fresh one.
   */
  readSnapshot(options?: {
    readonly fresh?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<ChainSnapshot>;
}

export interface SnapshotOptions extends ChainStateOptions {
  readonly contracts: ChainStateOptions['contracts'] & KeeperRef;
}

export interface ChainReaderOptions extends SnapshotOptions {
  /** How long what was read is shared: about half a slot. */
  readonly maxAgeMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: (() => number) | undefined;
}

/** Heads that are remembered, to tell a node that is behind from a reorganisation. */
const REMEMBERED_HEADS = 128;

/**
 * Reads snapshots: one call when there is no new block, three when there is one (header, state through the multicall,
 * events since the last block), the last two in one request. Only the first time events are looked for backwards.
 */
export function createChainReader(node: ExecutionNode, options: ChainReaderOptions): ChainReader {
  const { maxAgeMs, now = () => performance.now() } = options;
  const heads = new Map<number, Hex>();
  const readState = createStateReader(node, options);
  let last: ChainSnapshot | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<ChainSnapshot> | undefined;

  const read = async (): Promise<ChainSnapshot> => {
    const beganAt = now();
    const head = await fetchHead(node);
    if (last === undefined || head.hash !== last.blockHash) {
      last = await readAfter(node, options, { head, last, heads, readState });
      heads.set(head.number, head.hash);
      for (const number of heads.keys()) {
        if (number <= head.number - REMEMBERED_HEADS || number > head.number) heads.delete(number);
      }
    }
    readAt = beganAt;
    return last;
  };
  const start = () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  return {
    readSnapshot: async ({ fresh = false, signal } = {}) => {
      signal?.throwIfAborted();
      if (!fresh) return last !== undefined && now() - readAt < maxAgeMs ? last : await start();
      // One that is under way may have begun before what the caller wants to see.
      await reading?.catch(() => undefined);
      return await start();
    },
  };
}

/**
 * The chain as of one block, whatever came after it.
 * @throws ExternalError `node-behind` when the node does not have the block
 */
export async function readSnapshotAt(
  node: ExecutionNode,
  options: SnapshotOptions,
  blockNumber: number,
): Promise<ChainSnapshot> {
  const head = await fetchHeader(node, blockNumber);
  if (head === null) {
    throw new ExternalError('node-behind', `${node.endpoint} does not have block ${blockNumber} yet.`, {
      retryable: true,
    });
  }
  const state = await createStateReader(node, options)(head);
  return { ...state, events: await findFirstEvents(node, options, state) };
}

interface Position {
  readonly head: BlockHeader;
  readonly last: ChainSnapshot | undefined;
  readonly heads: ReadonlyMap<number, Hex>;
  readonly readState: StateReader;
}

async function readAfter(
  node: ExecutionNode,
  options: ChainReaderOptions,
  { head, last, heads, readState }: Position,
): Promise<ChainSnapshot> {
  if (last === undefined) {
    const state = await readState(head);
    return { ...state, events: await findFirstEvents(node, options, state) };
  }
  if (head.number <= last.blockNumber) requireReorganisation(node, head, last, heads);
  const isNext = head.number === last.blockNumber + 1;
  const [state, events, before] = await Promise.all([
    readState(head),
    followKeeperEvents(node, refer(options), {
      fromBlock: last.blockNumber + 1,
      toBlock: head.number,
      known: last.events,
    }),
    // A header of the new chain at the old one's height tells whether blocks that were read are still there.
    isNext || head.number <= last.blockNumber ? undefined : fetchHeader(node, last.blockNumber),
  ]);
  const isContinued = isNext ? head.parentHash === last.blockHash : before?.hash === last.blockHash;
  if (isContinued) return { ...state, events };
  return { ...state, events: await findEventsAgain(node, options, head, last.events) };
}

/** A lower head is believed when it contradicts what was seen at its height, else the node is just behind. */
function requireReorganisation(
  node: ExecutionNode,
  head: BlockHeader,
  last: ChainSnapshot,
  heads: ReadonlyMap<number, Hex>,
): void {
  const known = heads.get(head.number);
  if (known !== undefined && known !== head.hash) return;
  throw new ExternalError(
    'node-behind',
    `${node.endpoint} is at block ${head.number}, behind block ${last.blockNumber} that was read before.`,
    { retryable: true },
  );
}

/** The nonces tell where there is nothing to look for. */
function findFirstEvents(
  node: ExecutionNode,
  options: SnapshotOptions,
  { blockNumber, keeper }: ChainState,
): Promise<KeeperEvents> {
  const kinds: (keyof KeeperEvents)[] = ['config'];
  if (keeper.rewardsNonce > 1n) kinds.push('rewards');
  if (keeper.exitSignaturesNonce > 0n) kinds.push('exitSignatures');
  return findKeeperEvents(node, refer(options), { toBlock: blockNumber, kinds, known: NO_EVENTS });
}

/** The events after a reorganisation: what is finalized stays, the rest is read again. */
async function findEventsAgain(
  node: ExecutionNode,
  options: ChainReaderOptions,
  head: BlockHeader,
  events: KeeperEvents,
): Promise<KeeperEvents> {
  const finalized = (await fetchHeader(node, 'finalized'))?.number ?? 0;
  const toBlock = Math.min(finalized, head.number);
  const kinds = kindsAfter(events, toBlock);
  const known = await findKeeperEvents(node, refer(options), { toBlock, kinds, known: events });
  return followKeeperEvents(node, refer(options), { fromBlock: toBlock + 1, toBlock: head.number, known });
}

function refer({ contracts, vault }: SnapshotOptions) {
  const { keeper, keeperGenesisBlock, keeperCheckpoint } = contracts;
  return { keeper, keeperGenesisBlock, keeperCheckpoint, vault };
}
