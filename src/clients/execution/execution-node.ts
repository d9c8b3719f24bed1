import {
  JsonRpcApiProvider,
  type JsonRpcError,
  type JsonRpcPayload,
  type JsonRpcResult,
  Network,
} from 'ethers/providers';
import { isCallException, isError } from 'ethers/utils';
import { z } from 'zod';
import type { EndpointUrl } from '../../lib/endpoint-url.ts';
import { ExternalError, UsageError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { Failover, type Worth } from '../failover.ts';
import {
  bodyJson,
  describeEndpoint,
  type HttpDeps,
  type HttpResponse,
  HttpStatusError,
  requestHttp,
} from '../http.ts';
import { logsAnswer, pickAskedLogs } from './asked-logs.ts';
import { isBatchRefusal, readRpcErrors } from './batch-refusal.ts';
import { signJwt } from './jwt.ts';

export interface ExecutionNodeOptions {
  /** JSON-RPC URLs of nodes of one chain, the preferred one first. */
  readonly endpoints: readonly string[];
  readonly chainId: number;
  /** Time limit of one request to one endpoint. */
  readonly timeoutMs: number;
  /** How long all endpoints are tried again when none answers. */
  readonly retryTimeoutMs: number;
  /** Signs a token for every request (see `jwt.ts`). */
  readonly jwtSecret?: Uint8Array | undefined;
  /** Ends all requests, also those under way. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to the execution layer over several endpoints: a request goes to the one that answered last, and to the
 * others in turn when it fails or refuses. Every endpoint is asked for its chain id before it is used.
 * @throws UsageError `no-execution-endpoint` or `invalid-execution-endpoint`; ExternalError `wrong-chain`, or what the
 *   endpoints failed with
 */
export async function connectExecutionNode(
  deps: HttpDeps,
  options: ExecutionNodeOptions,
): Promise<ExecutionNode> {
  if (options.endpoints.length === 0) {
    throw new UsageError('no-execution-endpoint', 'No execution endpoint is given.', {
      hint: 'Set --execution-endpoints.',
    });
  }
  for (const [index, endpoint] of options.endpoints.entries()) requireHttpUrl(endpoint, index);
  const node = new ExecutionNode(deps, options);
  try {
    await node.getBlockNumber();
    return node;
  } catch (error) {
    node.destroy();
    throw error;
  }
}

/** The endpoints, each once: two ways to write one server are one node. */
export function distinctEndpoints(endpoints: readonly EndpointUrl[]): EndpointUrl[] {
  const byServer = new Map<string, EndpointUrl>();
  for (const endpoint of endpoints) {
    const { origin, pathname, search } = new URL(endpoint.reveal());
    const server = `${origin}${pathname.replace(/\/+$/, '')}${search}`;
    if (!byServer.has(server)) byServer.set(server, endpoint);
  }
  return [...byServer.values()];
}

/** What an answer is worth in which a node tells of a trouble of its own: less than the oldest head. */
const REFUSED: Worth = -1n;

/**
 * An ethers provider over several endpoints with failover, to be disposed of when it is no longer used.
 *
 * ethers has three seams for that, and no other: it asks subclasses of `JsonRpcApiProvider` for `_send` and for a call of
 * `_start`, and turns each error of a batch into its own kind by `getRpcError`. `ethers-seams.test.ts` notices a release
 * that uses them otherwise.
 */
export class ExecutionNode extends JsonRpcApiProvider implements Disposable {
  readonly chainId: number;
  readonly #deps: HttpDeps;
  readonly #options: ExecutionNodeOptions;
  readonly #failover: Failover;
  /** Endpoints that take one request at a time. */
  readonly #withoutBatch = new Set<string>();
  /** Highest block that any endpoint has told. */
  #highestBlock = 0n;

  constructor(deps: HttpDeps, options: ExecutionNodeOptions) {
    const network = Network.from(options.chainId);
    // What is asked for together goes together; nothing waits for more (ethers' own 10 ms) between steps of a pass.
    super(network, { staticNetwork: network, batchMaxCount: 20, batchStallTime: 0, cacheTimeout: -1 });
    this.#deps = deps;
    this.#options = options;
    this.#failover = new Failover(deps, {
      endpoints: options.endpoints,
      proof: {
        require: endpoint => this.#requireChain(endpoint),
        lasts: 'for-good',
        mistake: 'wrong-chain',
      },
      retry: { timeoutMs: options.retryTimeoutMs, signal: options.signal },
      unavailableCode: 'execution-node-unavailable',
    });
    this.chainId = options.chainId;
    // Sends nothing: the network is known.
    this._start();
  }

  /** The endpoint in use as messages call it, without path and credentials. */
  get endpoint(): string {
    return this.#failover.endpoint;
  }

  /** Asks this endpoint no more, until it is taken back; the last one that is left is asked all the same. */
  leaveOut(endpoint: EndpointUrl): void {
    this.#failover.leaveOut(endpoint.reveal());
  }

  takeBack(endpoint: EndpointUrl): void {
    this.#failover.takeBack(endpoint.reveal());
  }

  override async _send(
    payload: JsonRpcPayload | JsonRpcPayload[],
  ): Promise<(JsonRpcResult | JsonRpcError)[]> {
    const isSearch = [payload].flat().some(({ method }) => method === 'eth_getLogs');
    return await this.#failover.ask(endpoint => this.#post(endpoint, payload), {
      worthOf: answers => this.#worthOf(payload, answers),
      // A search that took too long would take too long again: the caller asks for less instead.
      isRetryable: error =>
        error instanceof ExternalError && error.retryable && !(isSearch && error.code === 'timeout'),
    });
  }

  /**
   * Reverts and the refusals of a transaction keep ethers' own kinds; what is left is the node's. ethers calls every error
   * of a call an exception of the contract, also that of a node which does not have the block.
   */
  override getRpcError(payload: JsonRpcPayload, answer: JsonRpcError): Error {
    const error = super.getRpcError(payload, withRevertData(answer));
    const isKnown = isCallException(error)
      ? error.data !== null || isRevert(answer)
      : !isError(error, 'UNKNOWN_ERROR') && !isError(error, 'UNSUPPORTED_OPERATION');
    return isKnown ? error : new RpcError(this.endpoint, payload.method, answer);
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  /**
   * Whether an answer counts, or another node may have a better one. When none is further than the one that is behind, it
   * is a reorganisation, or the only ones left are not synced: who keeps state looks at the number.
   */
  #worthOf(
    payload: JsonRpcPayload | JsonRpcPayload[],
    answers: readonly (JsonRpcResult | JsonRpcError)[],
  ): Worth {
    if (this.#isRefused(payload, answers)) return REFUSED;
    const head = headIn(payload, answers);
    if (head !== undefined && head < this.#highestBlock) return head;
    this.#highestBlock = head ?? this.#highestBlock;
    return 'final';
  }

  /** Whether a node has answered with a trouble of its own (a limit, a block that it lacks), which another may not have. */
  #isRefused(
    payload: JsonRpcPayload | JsonRpcPayload[],
    answers: readonly (JsonRpcResult | JsonRpcError)[],
  ): boolean {
    return [payload].flat().some((request, i) => {
      const answer = answers[i];
      if (answer === undefined || !('error' in answer)) return false;
      const error = this.getRpcError(request, answer);
      return error instanceof RpcError && error.retryable;
    });
  }

  async #requireChain(endpoint: string): Promise<void> {
    const [answer] = await this.#post(endpoint, { id: 0, jsonrpc: '2.0', method: 'eth_chainId', params: [] });
    const result = answer !== undefined && 'result' in answer ? quantity.safeParse(answer.result) : undefined;
    if (result?.success !== true) {
      const { message, code } = answer !== undefined && 'error' in answer ? answer.error : {};
      const reason = message === undefined ? '' : `: ${message} (${code})`;
      throw new ExternalError(
        'invalid-answer',
        `${describeEndpoint(endpoint)} does not tell its chain id${reason}.`,
      );
    }
    if (result.data !== BigInt(this.chainId)) {
      throw new ExternalError(
        'wrong-chain',
        `${describeEndpoint(endpoint)} is a node of another chain: chain id ${result.data} instead of ${this.chainId}.`,
        { hint: 'Check the network and the execution endpoints.' },
      );
    }
  }

  async #post(
    endpoint: string,
    payload: JsonRpcPayload | JsonRpcPayload[],
  ): Promise<(JsonRpcResult | JsonRpcError)[]> {
    const count = [payload].flat().length;
    if (count > 1 && this.#withoutBatch.has(endpoint)) return await this.#postOneByOne(endpoint, payload);
    const response = await this.#request(endpoint, payload).catch(error => {
      if (error instanceof HttpStatusError && isBatchRefusal(count, error)) return error;
      throw error;
    });
    if (isBatchRefusal(count, response)) return await this.#postOneByOne(endpoint, payload);
    if (response instanceof HttpStatusError) throw response;
    if (response.status !== 200 && readRpcErrors(response.body) === undefined) {
      throw new HttpStatusError(new URL(endpoint), response);
    }
    return readAnswers(endpoint, payload, response);
  }

  /** Asks one call after another, in their order, so that what is read later is not older. */
  async #postOneByOne(
    endpoint: string,
    payload: JsonRpcPayload | JsonRpcPayload[],
  ): Promise<(JsonRpcResult | JsonRpcError)[]> {
    const answers: (JsonRpcResult | JsonRpcError)[] = [];
    for (const one of [payload].flat()) {
      const response = await this.#post(endpoint, one);
      for (const answer of response) answers.push(answer);
    }
    const isTaken = answers.some(answer => 'result' in answer);
    if (isTaken && !this.#withoutBatch.has(endpoint)) {
      this.#withoutBatch.add(endpoint);
      this.#deps.log?.debug({ server: describeEndpoint(endpoint) }, 'takes no batches: asked one by one');
    }
    return answers;
  }

  async #request(endpoint: string, payload: JsonRpcPayload | JsonRpcPayload[]): Promise<HttpResponse> {
    const { jwtSecret } = this.#options;
    const authorization =
      jwtSecret === undefined ? {} : { authorization: `Bearer ${signJwt(jwtSecret, Date.now())}` };
    return await requestHttp(this.#deps, {
      url: endpoint,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...authorization },
      body: JSON.stringify(payload),
      timeoutMs: this.#options.timeoutMs,
      signal: this.#options.signal,
      maxBytes: 64 * 1024 * 1024,
      // Some nodes answer a request that they refuse, or one for too much, with such a status and a JSON-RPC error; that is
      // an answer, not an outage.
      isExpected: status => status === 200 || status === 400 || status === 413,
    });
  }
}

const quantity = z
  .string()
  .regex(/^0x[0-9a-f]+$/i)
  .transform(BigInt);
const hexData = z.string().regex(/^0x([0-9a-f]{2})*$/i);
/** What these methods must answer with; ethers would call anything else a mistake of the program. */
const resultSchemas: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ['eth_chainId', quantity],
  ['eth_blockNumber', quantity],
  ['eth_call', hexData],
  ['eth_getCode', hexData],
]);
const rpcError = z.object({
  code: z.int(),
  message: z.string().transform(foreignText),
  data: z.unknown().optional(),
});
/** Some proxies write a number that they were given as text. */
const rpcId = z.union([
  z.int(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);
const rpcAnswer = z.union([
  z.object({ id: rpcId.nullable(), error: rpcError }),
  z.object({ id: rpcId, result: z.unknown() }),
]);
const rpcAnswers = z.union([z.array(rpcAnswer), rpcAnswer.transform(answer => [answer])]);

function readAnswers(
  endpoint: string,
  payload: JsonRpcPayload | JsonRpcPayload[],
  response: HttpResponse,
): (JsonRpcResult | JsonRpcError)[] {
  const answers = rpcAnswers.safeParse(bodyJson(response, endpoint));
  if (!answers.success) {
    throw new ExternalError('invalid-answer', `${describeEndpoint(endpoint)} did not answer with JSON-RPC.`, {
      cause: answers.error,
    });
  }
  // A batch that is refused as a whole is answered by an error without an id, or by errors with ids that nobody gave.
  const [first] = answers.data.every(one => 'error' in one) ? answers.data : [];
  const refusal = answers.data.find(one => one.id === null) ?? first;
  return [payload].flat().map(({ id, method, params }) => {
    const answer = answers.data.find(one => one.id === id) ?? refusal;
    if (answer !== undefined && 'error' in answer) {
      const { code, message, data } = answer.error;
      return { id, error: { code, message, data } };
    }
    const result = answer && readResult(endpoint, { method, params }, answer.result);
    if (result === undefined) {
      throw new ExternalError('invalid-answer', `${describeEndpoint(endpoint)} did not answer ${method}.`);
    }
    return { id, result };
  });
}

/** What of a result was asked for; undefined where it is not of the method's form. */
function readResult(
  endpoint: string,
  { method, params }: Pick<JsonRpcPayload, 'method' | 'params'>,
  result: unknown,
): unknown {
  if (method !== 'eth_getLogs') {
    const isAnswer = resultSchemas.get(method)?.safeParse(result).success !== false;
    return isAnswer && isOfAsked(method, params, result) ? result : undefined;
  }
  const logs = logsAnswer.safeParse(result);
  const [filter] = Array.isArray(params) ? params : [];
  return logs.success ? pickAskedLogs(filter, logs.data, describeEndpoint(endpoint)) : undefined;
}

/** Which member of a result must be what was asked for by the first parameter. */
const ASKED_BY: ReadonlyMap<string, string> = new Map([
  ['eth_getTransactionReceipt', 'transactionHash'],
  ['eth_getTransactionByHash', 'hash'],
  ['eth_getBlockByNumber', 'number'],
]);

/** Whether a transaction, receipt or block is the one that was asked for; a tag such as `latest` says nothing of that. */
function isOfAsked(method: string, params: JsonRpcPayload['params'], result: unknown): boolean {
  const member = ASKED_BY.get(method);
  const [asked] = Array.isArray(params) ? params : [];
  if (member === undefined || typeof asked !== 'string' || !asked.startsWith('0x')) return true;
  if (typeof result !== 'object' || result === null) return true;
  const given = (result as Readonly<Record<string, unknown>>)[member];
  return typeof given === 'string' && given.toLowerCase() === asked.toLowerCase();
}

/** Nethermind before 2025: `{"code": -32015, "message": "VM execution error.", "data": "Reverted 0x7a933234"}`. */
function withRevertData(answer: JsonRpcError): JsonRpcError {
  const { id, error } = answer;
  const [, data] = /^reverted (0x[0-9a-f]*)$/i.exec(typeof error.data === 'string' ? error.data : '') ?? [];
  return data === undefined ? answer : { id, error: { ...error, message: 'execution reverted', data } };
}

/** Whether a call failed in the contract, as nodes say it that give no data with it. */
function isRevert({ error: { code, message } }: JsonRpcError): boolean {
  return code === 3 || code === -32015 || REVERTS.test(message ?? '');
}

const REVERTS = /revert|out of gas|gas required exceeds|invalid opcode/i;

/** The head's number, when it was asked for. */
function headIn(
  payload: JsonRpcPayload | JsonRpcPayload[],
  answers: readonly (JsonRpcResult | JsonRpcError)[],
): bigint | undefined {
  for (const [i, request] of [payload].flat().entries()) {
    const answer = answers[i];
    if (answer === undefined || !('result' in answer)) continue;
    const head = quantity.safeParse(headNumber(request, answer));
    if (head.success) return head.data;
  }
  return undefined;
}

function headNumber({ method, params }: JsonRpcPayload, { result }: JsonRpcResult): unknown {
  if (method === 'eth_blockNumber') return result;
  const isHeader = method === 'eth_getBlockByNumber' && Array.isArray(params) && params[0] === 'latest';
  return isHeader ? result?.number : undefined;
}

function requireHttpUrl(endpoint: string, index: number): void {
  if (!/^https?:\/\//i.test(endpoint) || !URL.canParse(endpoint)) {
    throw new UsageError(
      'invalid-execution-endpoint',
      `Execution endpoint ${index + 1} is not a http or https URL.`,
    );
  }
}

/** What a request is that no node will ever take: no JSON-RPC, an unknown method, wrong parameters. */
const MISTAKES: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602]);
/** What a node says of blocks that it has not kept, some with the code of a mistake: one that keeps more has them. */
const NOT_KEPT = /\bolder than\b|\barchiv|\bprun(?:ed|ing)\b|\bmissing trie node\b|\bhistorical\b/i;

/** Whether no other node would take the request either. */
function isMistake({ code, message }: JsonRpcError['error']): boolean {
  return MISTAKES.has(code) && !NOT_KEPT.test(message ?? '');
}

/** A node answered a request with a JSON-RPC error that says nothing about the chain. */
export class RpcError extends ExternalError {
  readonly rpcCode: number;

  constructor(endpoint: string, method: string, { error }: JsonRpcError) {
    super(
      'rpc-error',
      `${endpoint} refused ${method}: ${error.message ?? 'no reason given'} (${error.code}).`,
      // Another node of those behind a load balancer has the block; a limit of requests is one per time.
      { retryable: !isMistake(error) },
    );
    this.rpcCode = error.code;
  }
}
