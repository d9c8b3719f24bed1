import { startServer, type TestServer } from './http-server.ts';

interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A node that keeps the logs of some blocks only. */
export interface PrunedNode extends AsyncDisposable {
  readonly url: string;
  /** First and last block of each search of logs so far, also of those that were refused. */
  readonly searches: readonly (readonly [number, number])[];
  /** Whether logs of other blocks are left out without a word, as some nodes do, instead of refused. */
  isSilent: boolean;
}

/**
 * A server in front of a node that answers searches of logs in the blocks that are kept, and passes on everything else.
 * @param isKept - whether the logs of a block are kept
 */
export async function startPrunedNode(
  rpcUrl: string,
  isKept: (block: number) => boolean,
): Promise<PrunedNode> {
  const searches: (readonly [number, number])[] = [];
  const answer = async (request: RpcRequest): Promise<unknown> => {
    const { id, method, params } = request;
    if (method === 'eth_getLogs') {
      const [filter] = params as { readonly fromBlock: string; readonly toBlock: string }[];
      const head = Number(
        await forward(rpcUrl, { id, method: 'eth_blockNumber', params: [] }).then(resultOf),
      );
      const blockOf = (tag: string | undefined) => (tag?.startsWith('0x') ? Number(tag) : head);
      const [from, to] = [blockOf(filter?.fromBlock), Math.min(blockOf(filter?.toBlock), head)];
      searches.push([from, to]);
      const isWhole = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i).every(isKept);
      if (!isWhole && node.isSilent) return { jsonrpc: '2.0', id, result: [] };
      if (!isWhole) {
        return { jsonrpc: '2.0', id, error: { code: 4444, message: 'pruned history unavailable' } };
      }
    }
    return await forward(rpcUrl, request);
  };
  const server: TestServer = await startServer(async ({ body }) => {
    const payload = JSON.parse(body) as RpcRequest | RpcRequest[];
    const answers = Array.isArray(payload) ? await Promise.all(payload.map(answer)) : await answer(payload);
    return { body: JSON.stringify(answers), headers: { 'content-type': 'application/json' } };
  });
  const node: PrunedNode = {
    url: server.url,
    searches,
    isSilent: false,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return node;
}

async function forward(rpcUrl: string, request: RpcRequest): Promise<unknown> {
  const answer = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...request, jsonrpc: '2.0' }),
  });
  return answer.json();
}

function resultOf(answer: unknown): unknown {
  return (answer as { readonly result?: unknown }).result;
}
