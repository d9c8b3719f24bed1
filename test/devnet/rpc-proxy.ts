import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly { readonly fromBlock?: string; readonly toBlock?: string }[];
}

/** What stands between a client and the node: each switch is one fault. */
export interface RpcFaults {
  /** Cuts every connection. */
  down?: boolean;
  /** Never answers. */
  silent?: boolean;
  /** Answers with this status and no JSON. */
  status?: number;
  /** Answers with this text. */
  garbage?: string;
  /** Says that it is a node of this chain. */
  chainId?: number;
  /** Refuses eth_getLogs over more blocks than this, as many providers do. */
  maxLogBlocks?: number;
  /** Sends that refusal with HTTP status 400. */
  refusesWithStatus400?: boolean;
}

export interface RpcProxy extends AsyncDisposable {
  readonly url: string;
  readonly faults: RpcFaults;
  /** Method of every request so far, one by one also out of batches. */
  readonly methods: readonly string[];
}

/** A JSON-RPC server on loopback that passes everything on to a node, but for its faults. */
export async function startRpcProxy(nodeUrl: string, faults: RpcFaults = {}): Promise<RpcProxy> {
  const methods: string[] = [];
  const server = createServer((request, response) => {
    answer(nodeUrl, faults, methods, request, response).catch((error: unknown) =>
      response.destroy(error as Error),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    faults,
    methods,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

async function answer(
  nodeUrl: string,
  faults: RpcFaults,
  methods: string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (faults.down) {
    request.socket.destroy();
    return;
  }
  const payload = (await json(request)) as RpcRequest | RpcRequest[];
  const requests = [payload].flat();
  methods.push(...requests.map(({ method }) => method));
  if (faults.silent) return;
  if (faults.status !== undefined || faults.garbage !== undefined) {
    response.writeHead(faults.status ?? 200).end(faults.garbage ?? 'no');
    return;
  }
  const answers = await Promise.all(requests.map(one => answerOne(nodeUrl, faults, one)));
  const isRefused = answers.some(one => 'error' in one);
  response.writeHead(isRefused && faults.refusesWithStatus400 ? 400 : 200, {
    'content-type': 'application/json',
  });
  response.end(JSON.stringify(Array.isArray(payload) ? answers : answers[0]));
}

async function answerOne(
  nodeUrl: string,
  faults: RpcFaults,
  request: RpcRequest,
): Promise<Record<string, unknown>> {
  const { id, method, params } = request;
  if (method === 'eth_chainId' && faults.chainId !== undefined) {
    return { jsonrpc: '2.0', id, result: `0x${faults.chainId.toString(16)}` };
  }
  if (method === 'eth_getLogs' && faults.maxLogBlocks !== undefined) {
    const blocks = Number(params[0]?.toBlock) - Number(params[0]?.fromBlock) + 1;
    if (blocks > faults.maxLogBlocks) {
      return {
        jsonrpc: '2.0',
        id,
        error: { code: -32005, message: `block range is limited to ${faults.maxLogBlocks}` },
      };
    }
  }
  const headers = { 'content-type': 'application/json' };
  const passedOn = await fetch(nodeUrl, { method: 'POST', headers, body: JSON.stringify(request) });
  return (await passedOn.json()) as Record<string, unknown>;
}
