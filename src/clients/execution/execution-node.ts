import { JsonRpcApiProvider, type JsonRpcError, type JsonRpcPayload, Network } from 'ethers/providers';
import { isCallException, isError } from 'ethers/utils';
import type { EndpointUrl } from '../../lib/endpoint-url.ts';
import { ExternalError, UsageError } from '../../lib/errors.ts';
import { Failover, type Worth } from '../failover.ts';
import { describeEndpoint, type HttpDeps, type HttpResponse, HttpStatusError, requestHttp } from '../http.ts';
import { isBatchRefusal, readRpcErrors } from './batch-refusal.ts';
import { signJwt } from './jwt.ts';
import { chainIdIn, headIn, type RpcAnswer, type RpcPayload, readAnswers } from './rpc-answers.ts';
import { isRevert, RpcError, withRevertData } from './rpc-error.ts';
import { isSearch, isSearchRefusal, isTooLong } from './search-refusal.ts';

export interface ExecutionNodeOptions {
  /** JSON-RPC URLs of nodes of one chain, the preferred one first. */
  readonly endpoints: readonly string[];
  readonly chainId: number;
  /** Time limit of one request to one endpoint. */
  readonly timeoutMs: number;
  /** How long all endpoints are tried again when none answers. */
  readonly retryTimeoutMs: number;
  /** The same where all endpoints are of this machine and refuse connections, when it is less. */
  readonly refusedTimeoutMs?: number | undefined;
  /** Signs a token for every request (see `jwt.ts`). */
  readonly jwtSecret?: Uint8Array | undefined;
  /** Ends all requests, also those under way. */
  readonly signal?: AbortSignal | undefined;
  /** A clock in milliseconds that never goes back. Default: the process's. */
  readonly now?: (() => number) | undefined;
}

/** How long it is remembered that an endpoint takes no batches: services change, and so do the proxies in front of them. */
const WITHOUT_BATCH_MS = 3_600_000;

/**
 * Connects to the execution layer over several endpoints: a request goes to the one that answered last, and to the
 * others in turn when it fails or refuses. Every endpoint is asked for its chain id before it is used.
 * @throws UsageError `no-execution-endpoint` or `invalid-execution-endpoint`; ExternalError `wrong-chain`, or what the
 *   endpoints failed with
 */
export async function connectExecutionNode(
  deps: HttpDeps,
  options: ExecutionNodeOptions,
): Promise<ExecutionNode>;
/** @param Kind - what kind of node it is to be */
export async function connectExecutionNode<N extends ExecutionNode>(
  deps: HttpDeps,
  options: ExecutionNodeOptions,
  Kind: NodeKind<N>,
): Promise<N>;
export async function connectExecutionNode(
  deps: HttpDeps,
  options: ExecutionNodeOptions,
  Kind: NodeKind<ExecutionNode> = ExecutionNode,
): Promise<ExecutionNode> {
  if (options.endpoints.length === 0) {
    throw new UsageError('no-execution-endpoint', 'No execution endpoint is given.', {
      hint: 'Set --execution-endpoints.',
    });
  }
  for (const [index, endpoint] of options.endpoints.entries()) requireHttpUrl(endpoint, index);
  const node = new Kind(deps, options);
  try {
    await node.getBlockNumber();
    return node;
  } catch (error) {
    node.destroy();
    throw error;
  }
}

type NodeKind<N extends ExecutionNode> = new (deps: HttpDeps, options: ExecutionNodeOptions) => N;

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
  /** Endpoints that take one request at a time, and until when that is remembered. */
  readonly #withoutBatch = new Map<string, number>();
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
      refusedTimeoutMs: options.refusedTimeoutMs,
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

  override async _send(payload: RpcPayload): Promise<RpcAnswer[]> {
    return await this.#failover.ask(endpoint => this.#post(endpoint, payload), {
      worthOf: answers => this.#worthOf(payload, answers),
      // A search that took too long would take too long again: the caller asks for less instead.
      isRetryable: error =>
        error instanceof ExternalError && error.retryable && !(isSearch(payload) && isTooLong(error)),
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
  #worthOf(payload: RpcPayload, answers: readonly RpcAnswer[]): Worth {
    if (this.#isRefused(payload, answers)) return REFUSED;
    const head = headIn(payload, answers);
    if (head !== undefined && head < this.#highestBlock) return head;
    this.#highestBlock = head ?? this.#highestBlock;
    return 'final';
  }

  /** Whether a node has answered with a trouble of its own (a limit, a block that it lacks), which another may not have. */
  #isRefused(payload: RpcPayload, answers: readonly RpcAnswer[]): boolean {
    return [payload].flat().some((request, i) => {
      const answer = answers[i];
      if (answer === undefined || !('error' in answer)) return false;
      const error = this.getRpcError(request, answer);
      return error instanceof RpcError && error.retryable;
    });
  }

  async #requireChain(endpoint: string): Promise<void> {
    const [answer] = await this.#post(endpoint, { id: 0, jsonrpc: '2.0', method: 'eth_chainId', params: [] });
    const chainId = chainIdIn(answer);
    if (chainId === undefined) {
      const { message, code } = answer !== undefined && 'error' in answer ? answer.error : {};
      const reason = message === undefined ? '' : `: ${message} (${code})`;
      throw new ExternalError(
        'invalid-answer',
        `${describeEndpoint(endpoint)} does not tell its chain id${reason}.`,
      );
    }
    if (chainId !== BigInt(this.chainId)) {
      throw new ExternalError(
        'wrong-chain',
        `${describeEndpoint(endpoint)} is a node of another chain: chain id ${chainId} instead of ${this.chainId}.`,
        { hint: 'Check the network and the execution endpoints.' },
      );
    }
  }

  async #post(endpoint: string, payload: RpcPayload): Promise<RpcAnswer[]> {
    const count = [payload].flat().length;
    if (count > 1 && this.#takesNoBatch(endpoint)) return await this.#postOneByOne(endpoint, payload);
    const response = await this.#request(endpoint, payload).catch(error => {
      if (!(error instanceof HttpStatusError)) throw error;
      if (isBatchRefusal(count, error) || isSearchRefusal(payload, error)) return error;
      throw error;
    });
    if (isBatchRefusal(count, response)) return await this.#postOneByOne(endpoint, payload);
    if (response.status !== 200 && readRpcErrors(response.body) === undefined) {
      throw new HttpStatusError(new URL(endpoint), response);
    }
    return readAnswers(endpoint, payload, response);
  }

  /** Asks one call after another, in their order, so that what is read later is not older. */
  async #postOneByOne(endpoint: string, payload: RpcPayload): Promise<RpcAnswer[]> {
    const answers: RpcAnswer[] = [];
    for (const one of [payload].flat()) {
      const response = await this.#post(endpoint, one);
      for (const answer of response) answers.push(answer);
    }
    const isTaken = answers.some(answer => 'result' in answer);
    if (isTaken && !this.#takesNoBatch(endpoint)) {
      this.#withoutBatch.set(endpoint, this.#now() + WITHOUT_BATCH_MS);
      this.#deps.log?.debug({ server: describeEndpoint(endpoint) }, 'takes no batches: asked one by one');
    }
    return answers;
  }

  #takesNoBatch(endpoint: string): boolean {
    return this.#now() < (this.#withoutBatch.get(endpoint) ?? Number.NEGATIVE_INFINITY);
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }

  async #request(endpoint: string, payload: RpcPayload): Promise<HttpResponse> {
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

function requireHttpUrl(endpoint: string, index: number): void {
  if (!/^https?:\/\//i.test(endpoint) || !URL.canParse(endpoint)) {
    throw new UsageError(
      'invalid-execution-endpoint',
      `Execution endpoint ${index + 1} is not a http or https URL.`,
    );
  }
}
