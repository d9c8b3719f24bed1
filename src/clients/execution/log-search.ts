import type { Log } from 'ethers/providers';
import { ExternalError } from '../../lib/errors.ts';
import type { ExecutionNode } from './execution-node.ts';
import { RpcError } from './rpc-error.ts';
import { isTooLong, isTooMuch } from './search-refusal.ts';

export interface LogSearch {
  readonly address: string;
  /** Topics by their position; null matches anything, an array any of its members. */
  readonly topics: readonly (string | null | readonly string[])[];
  readonly fromBlock: number;
  /** Default: the head. */
  readonly toBlock?: number | undefined;
}

/** Windows that are asked for at once, when the node has taken one of that size. */
const PARALLEL_WINDOWS = 8;
/** How many windows must be taken after a refusal before a larger one is tried again; twice as many after each that is refused, too. */
const PATIENCE = 16;

/**
 * Newest log that matches.
 * @returns null when there is none in the range
 * @throws the node's own error (RpcError, `timeout`) when it refuses even a single block
 */
export async function findLastLog(node: ExecutionNode, search: LogSearch): Promise<Log | null> {
  for await (const logs of walkLogs(node, search)) {
    const last = logs.at(-1);
    if (last !== undefined) return last;
  }
  return null;
}

/**
 * All logs that match, in chain order.
 * @throws the node's own error (RpcError, `timeout`) when it refuses even a single block
 */
export async function findAllLogs(node: ExecutionNode, search: LogSearch): Promise<Log[]> {
  const windows: Log[][] = [];
  for await (const logs of walkLogs(node, search)) windows.push(logs);
  return windows.reverse().flat();
}

/**
 * The logs of a range, window by window, the newest first. The whole range is asked for first; when the node refuses that,
 * the range is halved until it takes it; what a busy node has refused it may take later, so windows grow again.
 */
async function* walkLogs(node: ExecutionNode, search: LogSearch): AsyncGenerator<Log[]> {
  let toBlock = search.toBlock ?? (await node.getBlockNumber());
  let windowSize = toBlock - search.fromBlock + 1;
  let isTaken = false;
  let taken = 0;
  let patience = PATIENCE;
  let hasGrown = false;
  while (toBlock >= search.fromBlock) {
    const windows = takeWindows(search.fromBlock, toBlock, windowSize, isTaken ? PARALLEL_WINDOWS : 1);
    const answers = await Promise.all(windows.map(window => fetchLogs(node, search, window)));
    for (const logs of answers) {
      // Windows come newest first: what stands behind a refused one is only known after that one is asked again.
      if (logs instanceof Error) {
        if (windowSize === 1) throw logs;
        windowSize = Math.ceil(windowSize / 2);
        if (hasGrown) patience *= 2;
        hasGrown = false;
        isTaken = false;
        taken = 0;
        break;
      }
      yield logs;
      toBlock -= windowSize;
      isTaken = true;
      hasGrown = false;
      taken += 1;
    }
    if (taken < patience) continue;
    windowSize *= 2;
    hasGrown = true;
    // The larger size is asked for once before it is asked for several times.
    isTaken = false;
    taken = 0;
  }
}

type BlockWindow = readonly [from: number, to: number];

function takeWindows(fromBlock: number, toBlock: number, size: number, count: number): BlockWindow[] {
  const windows: BlockWindow[] = [];
  for (let to = toBlock; to >= fromBlock && windows.length < count; to -= size) {
    windows.push([Math.max(fromBlock, to - size + 1), to]);
  }
  return windows;
}

/** The logs of a window in chain order, or the error of a node that does not take it. */
async function fetchLogs(
  node: ExecutionNode,
  search: LogSearch,
  window: BlockWindow,
): Promise<Log[] | ExternalError> {
  try {
    const [fromBlock, toBlock] = window;
    return await node.getLogs({
      address: search.address,
      topics: writeTopics(search),
      fromBlock,
      toBlock,
    });
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}

function writeTopics({ topics }: Pick<LogSearch, 'topics'>): (string | null | string[])[] {
  return topics.map(topic => (topic === null || typeof topic === 'string' ? topic : [...topic]));
}

/** Nodes word their limits in many ways and codes, and some just run out of time. */
export function isRefusal(error: unknown): error is ExternalError {
  if (error instanceof RpcError) return true;
  return error instanceof ExternalError && (isTooLong(error) || isTooMuch(error));
}
