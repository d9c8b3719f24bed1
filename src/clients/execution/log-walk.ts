import { z } from 'zod';
import { ExternalError } from '../../lib/errors.ts';
import type { ExecutionNode } from './execution-node.ts';
import { isRefusal, type LogSearch } from './log-search.ts';

/** A log as it came, its numbers read. */
export interface RawLog {
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: number;
  readonly logIndex: number;
}

/** All logs of a range of blocks, in chain order. */
export interface LogWindow {
  readonly fromBlock: number;
  readonly toBlock: number;
  readonly logs: readonly RawLog[];
}

export interface LogWalk extends LogSearch {
  readonly toBlock: number;
  /** Blocks that are asked for first. Default 10,000. */
  readonly windowBlocks?: number | undefined;
  /** Windows shrink when they hold more logs than this, and grow when they hold far fewer. Default 2,000: 3 MB of an answer. */
  readonly windowLogs?: number | undefined;
}

/** How many windows must be taken after a refusal before a larger one is tried again. */
const PATIENCE = 16;

/**
 * The logs of a range, window by window, the oldest first, each window at a size that the node takes. The next window is
 * fetched while the caller works on one.
 * @throws the node's own error (RpcError, `timeout`) when it refuses even a single block
 */
export async function* walkLogs(node: ExecutionNode, walk: LogWalk): AsyncGenerator<LogWindow, void, void> {
  const { windowBlocks = 10_000, windowLogs = 2_000, toBlock } = walk;
  let size = windowBlocks;
  let taken = PATIENCE;
  let fromBlock = walk.fromBlock;
  if (fromBlock > toBlock) return;
  let next = settle(fetchWindow(node, walk, fromBlock, size));
  while (fromBlock <= toBlock) {
    const answer = await next;
    if ('error' in answer) {
      if (!isRefusal(answer.error) || size === 1) throw answer.error;
      size = Math.ceil(Math.min(size, toBlock - fromBlock + 1) / 2);
      taken = 0;
      next = settle(fetchWindow(node, walk, fromBlock, size));
      continue;
    }
    const { window } = answer;
    taken++;
    size = resize(size, window.logs.length, windowLogs, taken >= PATIENCE);
    fromBlock = window.toBlock + 1;
    if (fromBlock <= toBlock) next = settle(fetchWindow(node, walk, fromBlock, size));
    yield window;
  }
}

function resize(size: number, logs: number, windowLogs: number, mayGrow: boolean): number {
  if (logs > windowLogs) return Math.max(1, Math.floor((size * windowLogs) / logs));
  return mayGrow && logs * 4 < windowLogs ? size * 2 : size;
}

/** The caller may never come back for it: then its failure is nobody's. */
async function settle(
  fetching: Promise<LogWindow>,
): Promise<{ readonly window: LogWindow } | { readonly error: unknown }> {
  return fetching.then(
    window => ({ window }),
    error => ({ error }),
  );
}

const quantity = z
  .string()
  .regex(/^0x[0-9a-f]{1,13}$/i)
  .transform(Number);
const rawLogs = z.array(
  z.object({
    topics: z.array(z.string()),
    data: z.string(),
    blockNumber: quantity,
    logIndex: quantity,
  }),
);

async function fetchWindow(
  node: ExecutionNode,
  search: LogWalk,
  fromBlock: number,
  size: number,
): Promise<LogWindow> {
  const toBlock = Math.min(search.toBlock, fromBlock + size - 1);
  const filter = {
    address: search.address,
    topics: search.topics,
    fromBlock: `0x${fromBlock.toString(16)}`,
    toBlock: `0x${toBlock.toString(16)}`,
  };
  const answer = rawLogs.safeParse(await node.send('eth_getLogs', [filter]));
  if (!answer.success) {
    throw new ExternalError('invalid-answer', `${node.endpoint} did not answer eth_getLogs with logs.`, {
      cause: answer.error,
    });
  }
  return { fromBlock, toBlock, logs: answer.data };
}
