import { Interface } from 'ethers/abi';
import { Agent } from 'undici';
import { expect } from 'vitest';
import { readContract } from '../../../src/clients/execution/contracts/contract-call.ts';
import { ExecutionNode } from '../../../src/clients/execution/execution-node.ts';
import { findAllLogs } from '../../../src/clients/execution/log-search.ts';
import { requireSyncedNode } from '../../../src/clients/execution/node-sync.ts';
import {
  broadcastTransaction,
  estimateCall,
  findNonceTaker,
  readAccount,
  readAttempts,
} from '../../../src/clients/execution/read-transactions.ts';
import type { FarAnswer, FarNodes, FarRequest } from '../servers/far-nodes.ts';

interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What a node answers a method with; `ID` in a body stands for the request's. Undefined: as a node in order does. */
type RpcAnswer = FarAnswer | ((params: readonly unknown[]) => FarAnswer | undefined);

interface RpcAnswers {
  readonly [method: string]: RpcAnswer | undefined;
  /** The answer to several requests at once; `ID` stands for the first one's. */
  readonly batch?: FarAnswer | undefined;
}

type Ask = (node: ExecutionNode) => Promise<unknown>;

/** What comes of an answer: a value, or an error of this program. */
export type Outcome = { readonly value: unknown } | { readonly error: ShownError };

interface ShownError {
  readonly code: string;
  /** All of it, or what must be in it. */
  readonly message: string | RegExp;
  readonly retryable: boolean;
}

/** A way of a node, or of a service in front of nodes, and what becomes of it here. The first four make the title of its test. */
export interface RpcQuirk {
  readonly maker: string;
  /** "which …" */
  readonly does: string;
  /** "… is asked …" */
  readonly so: string;
  /** Where the answer is written: `owner/repository#issue`, or `owner/repository path`. */
  readonly source: string;
  readonly endpoint: string;
  readonly answers: RpcAnswers;
  readonly ask: Ask;
  /** What comes of it with this endpoint only. */
  readonly alone: Outcome;
  readonly beside: Beside;
}

/** What comes of it with a good endpoint behind it: who has answered at last, and what, if that is not what it is alone. */
export interface Beside {
  readonly by: 'first' | 'second';
  readonly value?: unknown;
}

/** The quirks with their titles, for a table of tests. */
export function withTitles<Quirk extends Pick<RpcQuirk, 'maker' | 'does' | 'so' | 'source'>>(
  quirks: readonly Quirk[],
): (readonly [title: string, quirk: Quirk])[] {
  return quirks.map(quirk => {
    const { maker, does, so, source } = quirk;
    return [`${maker}, which ${does}, ${so} [${source}]`, quirk];
  });
}

const SECOND = 'https://ethereum-rpc.publicnode.com';
const WALLET = `0x${'1'.repeat(40)}`;
const CONTRACT = `0x${'2'.repeat(40)}`;
const HASH = `0x${'ab'.repeat(32)}` as const;
const CALL = { from: WALLET, to: CONTRACT, data: '0x' } as const;
const HEAD = 30_000;
/** Blocks that have a log of the contract. */
const LOGS = [100, 12_345, 29_999];
const abi = new Interface(['function validatorsManager() view returns (address)']);

/** What is asked of the nodes, by our functions. */
export const ASK = {
  /** How many logs are found in all blocks. */
  logs: async node => {
    const search = { address: CONTRACT, topics: [], fromBlock: 0, toBlock: HEAD - 1 };
    return (await findAllLogs(node, search)).length;
  },
  /** Five requests at once. */
  account: async node => {
    const { nonce, pendingNonce, priorityFeeWei, balanceWei } = await readAccount(node, WALLET);
    return { nonce, pendingNonce, priorityFeeWei, balanceWei };
  },
  attempts: async node => {
    const { receipts, isLastKnown } = await readAttempts(node, WALLET, [HASH]);
    return { receipts, isLastKnown };
  },
  broadcast: node => broadcastTransaction(node, '0x02'),
  estimate: node => estimateCall(node, CALL),
  nonceTaker: node => findNonceTaker(node, { address: WALLET, nonce: 3n, head: HEAD }),
  /** The account's transactions at a block of long ago. */
  oldNonce: node => node.send('eth_getTransactionCount', [WALLET, '0x64']),
  head: node => node.getBlockNumber(),
  synced: node => requireSyncedNode(node),
  vault: node =>
    readContract(node, { name: 'vault', address: CONTRACT, abi }, 'validatorsManager').then(String),
} as const satisfies Readonly<Record<string, Ask>>;

/** What a node in order says of the account. */
export const ACCOUNT = {
  nonce: 5n,
  pendingNonce: 5n,
  priorityFeeWei: 2_000_000_000n,
  balanceWei: 10n ** 18n,
};
export const ATTEMPTS = { receipts: [], isLastKnown: false };
export const ALL_LOGS = LOGS.length;
export { HEAD };

/** A node that takes this many blocks of logs at once, and refuses more with this answer. */
export function takesBlocks(limit: number, refusal: FarAnswer): RpcAnswers {
  return {
    eth_getLogs: ([filter]) => {
      const { from, to } = rangeOf(filter);
      return to - from + 1 > limit ? refusal : undefined;
    },
  };
}

/** An answer with HTTP status 200 and this body. */
export function says(body: string): FarAnswer {
  return { headers: { 'content-type': 'application/json' }, body };
}

/** Asks the maker's node alone, then with one in order behind it; both times a client that knows neither. */
export async function expectOutcomes(nodes: FarNodes, quirk: RpcQuirk): Promise<void> {
  nodes.answer(new URL(quirk.endpoint).origin, request => answerRpc(request, quirk.answers));
  nodes.answer(SECOND, request => answerRpc(request, {}));
  await using dispatcher = openAgent();
  using alone = connectRpc(dispatcher, [quirk.endpoint]);
  await expectOutcome(quirk.ask(alone), quirk.alone);
  using both = connectRpc(dispatcher, [quirk.endpoint, SECOND]);
  if ('error' in quirk.alone && !('value' in quirk.beside)) {
    await expectOutcome(quirk.ask(both), quirk.alone);
    return;
  }
  const value = await quirk.ask(both);
  expectBeside(quirk, { by: both.endpoint === SECOND ? 'second' : 'first', value });
}

export function expectBeside(quirk: Pick<RpcQuirk, 'alone' | 'beside'>, seen: Required<Beside>): void {
  const { alone, beside } = quirk;
  const value = 'error' in alone || 'value' in beside ? beside.value : alone.value;
  expect(seen).toEqual({ by: beside.by, value });
}

export async function expectOutcome(asking: Promise<unknown>, outcome: Outcome): Promise<void> {
  if ('value' in outcome) {
    expect(await asking).toEqual(outcome.value);
    return;
  }
  const { code, message, retryable } = outcome.error;
  const shown = typeof message === 'string' ? message : expect.stringMatching(message);
  await expect(asking).rejects.toMatchObject({ code, message: shown, retryable });
}

export function openAgent(): Agent & AsyncDisposable {
  const agent = new Agent();
  return Object.assign(agent, { [Symbol.asyncDispose]: () => agent.destroy() });
}

export function connectRpc(dispatcher: Agent, endpoints: readonly string[]): ExecutionNode {
  return new ExecutionNode({ dispatcher }, { endpoints, chainId: 1, timeoutMs: 10_000, retryTimeoutMs: 0 });
}

/** What a node answers that is in order but for these answers. */
export function answerRpc({ body }: FarRequest, answers: RpcAnswers): FarAnswer {
  const asked = JSON.parse(body) as RpcRequest | RpcRequest[];
  if (!Array.isArray(asked)) return answerOne(asked, answers);
  const [first] = asked;
  if (answers.batch !== undefined) return withId(answers.batch, first?.id ?? 0);
  const each = asked.map(one => answerOne(one, answers));
  // A proxy that refuses one of several by HTTP refuses all of them.
  const refused = each.find(({ status = 200 }) => status !== 200);
  return refused ?? says(`[${each.map(one => one.body).join(',')}]`);
}

function answerOne({ id, method, params }: RpcRequest, answers: RpcAnswers): FarAnswer {
  const given = answers[method];
  const answer = typeof given === 'function' ? given(params) : given;
  return withId(
    answer ?? says(`{"jsonrpc":"2.0","id":ID,"result":${JSON.stringify(resultOf(method, params))}}`),
    id,
  );
}

function withId(answer: FarAnswer, id: number): FarAnswer {
  return { ...answer, body: String(answer.body).replace(/\bID\b/g, String(id)) };
}

function resultOf(method: string, params: readonly unknown[]): unknown {
  const results: Readonly<Record<string, () => unknown>> = {
    eth_chainId: () => '0x1',
    eth_blockNumber: () => quantity(HEAD),
    eth_getBlockByNumber: () => blockOf(params[0]),
    eth_getLogs: () => logsOf(params[0]),
    eth_getTransactionCount: () => '0x5',
    eth_getBalance: () => '0xde0b6b3a7640000',
    eth_maxPriorityFeePerGas: () => '0x77359400',
    eth_getTransactionReceipt: () => null,
    eth_getTransactionByHash: () => null,
    eth_sendRawTransaction: () => HASH,
    eth_estimateGas: () => '0x5208',
    eth_call: () => `0x${'0'.repeat(24)}${'3'.repeat(40)}`,
    eth_syncing: () => false,
  };
  return results[method]?.();
}

function blockOf(tag: unknown) {
  const number = typeof tag === 'string' && tag.startsWith('0x') ? tag : quantity(HEAD);
  return { number, hash: HASH, parentHash: HASH, timestamp: '0x65000000', baseFeePerGas: '0x3b9aca00' };
}

function logsOf(filter: unknown) {
  const { from, to } = rangeOf(filter);
  return LOGS.filter(block => block >= from && block <= to).map(block => ({
    address: CONTRACT,
    topics: [],
    data: '0x',
    blockNumber: quantity(block),
    blockHash: HASH,
    transactionHash: HASH,
    transactionIndex: '0x0',
    logIndex: '0x0',
    removed: false,
  }));
}

function rangeOf(filter: unknown): { readonly from: number; readonly to: number } {
  const { fromBlock, toBlock } = filter as { readonly fromBlock: string; readonly toBlock: string };
  return { from: Number(fromBlock), to: toBlock === 'latest' ? HEAD : Number(toBlock) };
}

function quantity(value: number): string {
  return `0x${value.toString(16)}`;
}
