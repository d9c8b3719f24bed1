interface Call {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** Which of its parameters says as of which block a method answers. */
const BLOCK_PARAMETERS: Readonly<Record<string, number>> = {
  eth_call: 1,
  eth_estimateGas: 1,
  eth_feeHistory: 1,
  eth_getBalance: 1,
  eth_getBlockByNumber: 0,
  eth_getCode: 1,
  eth_getStorageAt: 2,
  eth_getTransactionCount: 1,
};

/**
 * The call as a node would take it whose head is that block.
 * @returns the result, where the node is not to be asked; undefined when it asks for a block that is not there yet
 */
export function asOfBlock(
  { method, params }: Call,
  { head, finalized }: { readonly head: number; readonly finalized: number },
): Call | { readonly result: unknown } | undefined {
  const resolve = (tag: unknown): number => {
    if (tag === undefined || tag === 'latest' || tag === 'pending') return head;
    if (tag === 'finalized' || tag === 'safe') return finalized;
    return tag === 'earliest' ? 0 : Number(tag);
  };
  if (method === 'eth_getLogs') {
    const [filter] = params as { fromBlock?: unknown; toBlock?: unknown; blockHash?: string }[];
    if (filter?.blockHash !== undefined) return { method, params };
    const [from, to] = [resolve(filter?.fromBlock), Math.min(resolve(filter?.toBlock), head)];
    if (from > to) return { result: [] };
    return { method, params: [{ ...filter, fromBlock: toQuantity(from), toBlock: toQuantity(to) }] };
  }
  const place = BLOCK_PARAMETERS[method];
  if (place === undefined || typeof params[place] === 'object') return { method, params };
  const block = resolve(params[place]);
  if (block > head) return undefined;
  const past = [...params];
  past[place] = toQuantity(block);
  return { method, params: past };
}

/** Whether the node would not have this block, transaction or receipt yet. */
export function isNewerThan(head: number, result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return false;
  const { blockNumber, number } = result as { blockNumber?: unknown; number?: unknown };
  const block = blockNumber ?? number;
  return typeof block === 'string' && Number(block) > head;
}

function toQuantity(value: number): string {
  return `0x${value.toString(16)}`;
}
