import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { listenOnLoopback } from './listen.ts';
import { type OracleLie, tellLie } from './rpc-lies.ts';
import { asOfBlock, isNewerThan } from './rpc-past.ts';

interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What stands between a client and the node: each switch is one fault. */
export interface RpcFaults {
  /** Cuts every connection. */
  down?: boolean;
  /** Cuts every connection of so many, the first one last. */
  dropEvery?: number;
  /** Never answers. */
  silent?: boolean;
  /** Answers that much later. */
  slowMs?: number;
  /** Answers with this status and no JSON. */
  status?: number;
  /** Answers with this text. */
  garbage?: string;
  /** Says that it is a node of this chain. */
  chainId?: number;
  /** Knows nothing of the last blocks, so many: it is behind. */
  behind?: number;
  /** Says that it is syncing, with so many blocks to go. */
  syncing?: number;
  /** Refuses eth_getLogs over more blocks than this, as many providers do. */
  maxLogBlocks?: number;
  /** Sends that refusal with HTTP status 400. */
  refusesWithStatus400?: boolean;
  /** Answers this method with an error of this text. */
  refuses?: { readonly method: string; readonly message: string };
  /** Passes requests of this method on, but cuts the connection instead of answering. */
  losesAnswersOf?: string;
  /** Says something else of the keeper's oracles than the chain has. */
  lies?: OracleLie;
}

export interface RpcProxy extends AsyncDisposable {
  readonly url: string;
  readonly faults: RpcFaults;
  /** Method of every request so far, one by one also out of batches. */
  readonly methods: readonly string[];
  /** Bodies that were received: a batch is one. */
  readonly bodies: number;
  /** Called before a request is passed on, and when the node has answered: places to change the chain or to kill. */
  onRequest: ((request: RpcRequest) => void | Promise<void>) | undefined;
  onAnswer: ((request: RpcRequest, answer: Record<string, unknown>) => void | Promise<void>) | undefined;
}

/** A JSON-RPC server on loopback that passes everything on to a node, but for its faults. */
export async function startRpcProxy(nodeUrl: string, faults: RpcFaults = {}): Promise<RpcProxy> {
  const methods: string[] = [];
  let bodies = 0;
  const server = createServer((request, response) => {
    bodies++;
    answer(nodeUrl, proxy, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const port = await listenOnLoopback(server);
  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${port}`,
    faults,
    methods,
    get bodies() {
      return bodies;
    },
    onRequest: undefined,
    onAnswer: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  return proxy;
}

async function answer(
  nodeUrl: string,
  proxy: RpcProxy,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { faults } = proxy;
  if (faults.down || (faults.dropEvery !== undefined && proxy.bodies % faults.dropEvery === 0)) {
    request.socket.destroy();
    return;
  }
  const payload = (await json(request)) as RpcRequest | RpcRequest[];
  const requests = [payload].flat();
  (proxy.methods as string[]).push(...requests.map(({ method }) => method));
  if (faults.silent) return;
  if (faults.slowMs !== undefined) await setTimeout(faults.slowMs, undefined, { ref: false });
  if (faults.status !== undefined || faults.garbage !== undefined) {
    response.writeHead(faults.status ?? 200).end(faults.garbage ?? 'no');
    return;
  }
  const answers = await Promise.all(requests.map(one => answerOne(nodeUrl, proxy, one)));
  if (requests.some(({ method }) => method === faults.losesAnswersOf)) {
    request.socket.destroy();
    return;
  }
  const isRefused = answers.some(one => 'error' in one);
  response.writeHead(isRefused && faults.refusesWithStatus400 ? 400 : 200, {
    'content-type': 'application/json',
  });
  response.end(JSON.stringify(Array.isArray(payload) ? answers : answers[0]));
}

async function answerOne(
  nodeUrl: string,
  proxy: RpcProxy,
  request: RpcRequest,
): Promise<Record<string, unknown>> {
  const { faults } = proxy;
  const { id } = request;
  await proxy.onRequest?.(request);
  const made = makeUp(faults, request);
  if (made !== undefined) return { jsonrpc: '2.0', id, ...made };
  const headers = { 'content-type': 'application/json' };
  const ask = async (one: Omit<RpcRequest, 'id'>): Promise<Record<string, unknown>> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id, ...one });
    const passedOn = await fetch(nodeUrl, { method: 'POST', headers, body });
    return (await passedOn.json()) as Record<string, unknown>;
  };
  const given = faults.behind === undefined ? await ask(request) : await askPast(faults.behind, request, ask);
  await proxy.onAnswer?.(request, given);
  return faults.lies === undefined ? given : tellLie(faults.lies, request, given);
}

/** What the node is not asked for. */
function makeUp(faults: RpcFaults, { method, params }: RpcRequest): Record<string, unknown> | undefined {
  if (method === 'eth_chainId' && faults.chainId !== undefined) return { result: toQuantity(faults.chainId) };
  if (method === 'eth_syncing' && faults.syncing !== undefined) {
    const [currentBlock, highestBlock] = [toQuantity(1000), toQuantity(1000 + faults.syncing)];
    return { result: { startingBlock: '0x0', currentBlock, highestBlock } };
  }
  if (method === faults.refuses?.method) return { error: { code: -32000, message: faults.refuses.message } };
  if (method === 'eth_getLogs' && faults.maxLogBlocks !== undefined) {
    const [filter] = params as { fromBlock?: string; toBlock?: string }[];
    const blocks = Number(filter?.toBlock) - Number(filter?.fromBlock) + 1;
    if (blocks > faults.maxLogBlocks) {
      return { error: { code: -32005, message: `block range is limited to ${faults.maxLogBlocks}` } };
    }
  }
  return undefined;
}

async function askPast(
  behind: number,
  request: RpcRequest,
  ask: (request: Omit<RpcRequest, 'id'>) => Promise<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const head = await ask({ method: 'eth_blockNumber', params: [] });
  const block = Math.max(Number(head.result) - behind, 0);
  if (request.method === 'eth_blockNumber') return { ...head, result: toQuantity(block) };
  const finalized = await ask({ method: 'eth_getBlockByNumber', params: ['finalized', false] });
  const { number } = (finalized.result ?? { number: '0x0' }) as { number: string };
  const past = asOfBlock(request, { head: block, finalized: Math.max(Number(number) - behind, 0) });
  if (past === undefined) return { jsonrpc: '2.0', id: request.id, result: null };
  if ('result' in past) return { jsonrpc: '2.0', id: request.id, result: past.result };
  const given = await ask(past);
  return isNewerThan(block, given.result) ? { ...given, result: null } : given;
}

function toQuantity(value: number): string {
  return `0x${value.toString(16)}`;
}
