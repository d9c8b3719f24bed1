import { AbiCoder } from 'ethers/abi';
import { keccak256 } from 'ethers/crypto';
import { Transaction } from 'ethers/transaction';
import { isCallException, isError } from 'ethers/utils';
import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { ADDRESS_LENGTH, HASH_LENGTH } from '../../lib/lengths.ts';
import { WEI_PER_GWEI } from '../../lib/units.ts';
import type { ExecutionNode } from './execution-node.ts';
import { readPoolWords } from './pool-words.ts';
import { RpcError } from './rpc-error.ts';

/** The newest block, and what a transaction of the account would need now. One request. */
export interface AccountView {
  readonly block: BlockHead;
  /** What the node advises to give the proposer. */
  readonly priorityFeeWei: bigint;
  /** What a percentile of each of the last blocks has given its proposer; left out where that was not asked for, or not told. */
  readonly rewardsWei?: readonly bigint[] | undefined;
  /** Transactions of the account that are in blocks: the nonce of the next one. */
  readonly nonce: bigint;
  /** The same with those that wait. */
  readonly pendingNonce: bigint;
  readonly balanceWei: bigint;
}

/** Which of the last blocks' priority fees are looked at. */
export interface FeeHistoryQuery {
  readonly blocks: number;
  /** 0 to 100, by gas: of the transactions of each block, what the one at this place has paid. */
  readonly percentile: number;
}

interface BlockHead {
  readonly number: number;
  /** Unix seconds. */
  readonly timestamp: bigint;
  readonly baseFeePerGasWei: bigint;
}

export interface Receipt {
  readonly hash: Hex;
  readonly isSuccess: boolean;
  readonly blockNumber: number;
}

/** What has become of a transaction's signed forms. One request, so that all of it is one node's view. */
export interface AttemptsView {
  readonly block: BlockHead;
  readonly nonce: bigint;
  readonly receipts: readonly Receipt[];
  /** Whether the node has the last of them at all. */
  readonly isLastKnown: boolean;
}

export type CallEstimate =
  | { readonly status: 'passes'; readonly gas: bigint }
  | { readonly status: 'reverts'; readonly reason: string; readonly data: Hex | undefined };

export type BroadcastOutcome =
  | { readonly status: 'accepted' }
  /** Another transaction has this nonce: in a block, or waiting with fees that must be beaten. */
  | { readonly status: 'nonce-taken' | 'underpriced' }
  /** The node did not accept it, for a reason that may pass. */
  | { readonly status: 'refused'; readonly reason: string };

const quantity = z
  .string()
  .regex(/^0x[0-9a-f]+$/i)
  .transform(BigInt);
const blockAnswer = z.object({ number: quantity, timestamp: quantity, baseFeePerGas: quantity });
const receiptAnswer = z.object({ status: quantity, blockNumber: quantity.nullable() }).nullable();
const feeHistoryAnswer = z.object({ reward: z.array(z.tuple([quantity])) });
const transactionAnswer = z.object({ hash: z.string() }).nullable();
const fullBlockAnswer = z.object({
  transactions: z.array(z.object({ hash: z.string(), from: z.string(), nonce: quantity })),
});

/** Hash of a signed transaction. */
export function transactionHash(raw: Uint8Array): Uint8Array {
  return fromHex(keccak256(raw), HASH_LENGTH);
}

/** A signed EIP-1559 transaction, of which every member is read from its bytes. */
export interface RecordedTransaction {
  readonly chainId: bigint;
  /** Who has signed it, 20 bytes. */
  readonly from: Uint8Array;
  /** 20 bytes; undefined for the creation of a contract. */
  readonly to: Uint8Array | undefined;
  readonly nonce: bigint;
  readonly data: Uint8Array;
  readonly valueWei: bigint;
  readonly maxFeeWei: bigint;
  readonly maxPriorityFeeWei: bigint;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** Reads a signed transaction and recovers who has signed it; undefined when the bytes are none. */
export function readRecordedTransaction(raw: Uint8Array): RecordedTransaction | undefined {
  try {
    const hex = toHex(raw);
    const transaction = Transaction.from(hex);
    const { type, from, to, maxFeePerGas, maxPriorityFeePerGas } = transaction;
    // What reads otherwise than it is written is no transaction that this program has made.
    if (type !== 2 || from === null || transaction.serialized !== hex) return undefined;
    return {
      chainId: transaction.chainId,
      from: fromHex(from, ADDRESS_LENGTH),
      to: to === null ? undefined : fromHex(to, ADDRESS_LENGTH),
      nonce: BigInt(transaction.nonce),
      data: fromHex(transaction.data),
      valueWei: transaction.value,
      maxFeeWei: maxFeePerGas ?? 0n,
      maxPriorityFeeWei: maxPriorityFeePerGas ?? 0n,
      hash: transactionHash(raw),
    };
  } catch {
    return undefined;
  }
}

/** @param feeHistory - is asked for in the same request; some nodes do not serve it, which is no failure */
export async function readAccount(
  node: ExecutionNode,
  address: string,
  feeHistory?: FeeHistoryQuery | undefined,
): Promise<AccountView> {
  const [block, priorityFeeWei, rewardsWei, nonce, pendingNonce, balanceWei] = await Promise.all([
    readHead(node),
    fetchAdvisedPriorityFee(node),
    feeHistory && fetchRewards(node, feeHistory).catch(() => undefined),
    ask(node, quantity, 'eth_getTransactionCount', address, 'latest'),
    ask(node, quantity, 'eth_getTransactionCount', address, 'pending'),
    ask(node, quantity, 'eth_getBalance', address, 'latest'),
  ]);
  return { block, priorityFeeWei, rewardsWei, nonce, pendingNonce, balanceWei };
}

async function fetchRewards(
  node: ExecutionNode,
  { blocks, percentile }: FeeHistoryQuery,
): Promise<readonly bigint[]> {
  const count = `0x${blocks.toString(16)}`;
  const { reward } = await ask(node, feeHistoryAnswer, 'eth_feeHistory', count, 'pending', [percentile]);
  return reward.map(([one]) => one);
}

/** What the node advises to give the proposer, in wei; a gwei with nodes that advise nothing. */
export async function fetchAdvisedPriorityFee(node: ExecutionNode): Promise<bigint> {
  const advised = await ask(node, z.unknown(), 'eth_maxPriorityFeePerGas').catch(() => undefined);
  return quantity.safeParse(advised).data ?? DEFAULT_PRIORITY_FEE_WEI;
}

/** The priority fee with nodes that advise none. */
const DEFAULT_PRIORITY_FEE_WEI = WEI_PER_GWEI;

/** @param hashes - of one account's transactions, the newest last */
export async function readAttempts(
  node: ExecutionNode,
  address: string,
  hashes: readonly Hex[],
): Promise<AttemptsView> {
  const last = hashes.at(-1);
  const [block, nonce, known, ...receipts] = await Promise.all([
    readHead(node),
    ask(node, quantity, 'eth_getTransactionCount', address, 'latest'),
    last === undefined ? null : ask(node, transactionAnswer, 'eth_getTransactionByHash', last),
    ...hashes.map(hash => ask(node, receiptAnswer, 'eth_getTransactionReceipt', hash)),
  ]);
  return {
    block,
    nonce,
    isLastKnown: known !== null,
    receipts: receipts.flatMap((receipt, index) => {
      const hash = hashes[index];
      return receipt === null || receipt.blockNumber === null || hash === undefined
        ? []
        : [{ hash, isSuccess: receipt.status === 1n, blockNumber: Number(receipt.blockNumber) }];
    }),
  };
}

/** What a transaction would do. */
export interface SimulatedCall {
  readonly from: string;
  readonly to: string;
  readonly data: Hex;
  /** Default: no ether. */
  readonly valueWei?: bigint | undefined;
}

/** Runs a call on the newest block, without sending it. @throws ExternalError when the node cannot tell */
export async function estimateCall(node: ExecutionNode, call: SimulatedCall): Promise<CallEstimate> {
  try {
    // Without the block some nodes count on what waits, which may be an earlier form of this very call.
    const gas = await ask(node, quantity, 'eth_estimateGas', rpcCall(call), 'latest');
    return { status: 'passes', gas };
  } catch (error) {
    return { status: 'reverts', ...readRevert(error) };
  }
}

/** Why a call that was mined and reverted did so, as far as the state before its block can tell. */
export async function explainRevert(
  node: ExecutionNode,
  call: SimulatedCall,
  blockNumber: number,
): Promise<string> {
  try {
    await node.send('eth_call', [rpcCall(call), `0x${(blockNumber - 1).toString(16)}`]);
    return 'the state had changed before it in its block, or it ran out of gas';
  } catch (error) {
    return isCallException(error) ? readRevert(error).reason : 'unknown';
  }
}

function rpcCall({ from, to, data, valueWei = 0n }: SimulatedCall): Record<string, string> {
  return valueWei === 0n ? { from, to, data } : { from, to, data, value: `0x${valueWei.toString(16)}` };
}

/** Hands a signed transaction to the nodes. To have it already counts as accepted. @throws ExternalError when none answers */
export async function broadcastTransaction(node: ExecutionNode, raw: Hex): Promise<BroadcastOutcome> {
  try {
    await node.send('eth_sendRawTransaction', [raw]);
    return { status: 'accepted' };
  } catch (error) {
    const verdict = readPoolWords(ownWords(error));
    if (verdict === 'known') return { status: 'accepted' };
    if (verdict !== undefined) return { status: verdict };
    if (isError(error, 'NONCE_EXPIRED')) return { status: 'nonce-taken' };
    if (isError(error, 'REPLACEMENT_UNDERPRICED')) return { status: 'underpriced' };
    if (isError(error, 'INSUFFICIENT_FUNDS')) return { status: 'refused', reason: 'insufficient funds' };
    if (!(error instanceof RpcError)) throw error;
    return { status: 'refused', reason: messageOf(error) };
  }
}

/** The words of the node that has refused a request; ethers, which knows some of them, keeps them in an error of its own kind. */
function ownWords(error: unknown): string {
  if (error instanceof RpcError) return error.reason;
  return refusalInfo.safeParse(error).data?.info.error.message ?? '';
}

/**
 * Finds the transaction in a block that has an account's nonce.
 * @returns its hash; undefined when the node no longer knows the state of that time
 */
export async function findNonceTaker(
  node: ExecutionNode,
  { address, nonce, head }: { readonly address: string; readonly nonce: bigint; readonly head: number },
): Promise<Hex | undefined> {
  const countAt = (block: number) =>
    ask(node, quantity, 'eth_getTransactionCount', address, `0x${block.toString(16)}`);
  try {
    let before = Math.max(-1, head - SEARCH_DEPTH_BLOCKS);
    let at = head;
    if (before >= 0 && (await countAt(before)) > nonce) return undefined;
    // The first block after which the account has sent more than `nonce` transactions.
    while (at - before > 1) {
      const middle = Math.floor((before + at) / 2);
      if ((await countAt(middle)) > nonce) at = middle;
      else before = middle;
    }
    const block = await ask(node, fullBlockAnswer, 'eth_getBlockByNumber', `0x${at.toString(16)}`, true);
    const taker = block.transactions.find(
      one => one.from.toLowerCase() === address.toLowerCase() && one.nonce === nonce,
    );
    return taker && (taker.hash.toLowerCase() as Hex);
  } catch (error) {
    if (error instanceof ExternalError) return undefined;
    throw error;
  }
}

/** Nodes that are no archives have the states of 128 blocks. */
const SEARCH_DEPTH_BLOCKS = 120;

async function readHead(node: ExecutionNode): Promise<BlockHead> {
  const block = await ask(node, blockAnswer, 'eth_getBlockByNumber', 'latest', false);
  return {
    number: Number(block.number),
    timestamp: block.timestamp,
    baseFeePerGasWei: block.baseFeePerGas,
  };
}

async function ask<T>(
  node: ExecutionNode,
  schema: z.ZodType<T>,
  method: string,
  ...params: unknown[]
): Promise<T> {
  const answer = schema.safeParse(await node.send(method, params));
  if (answer.success) return answer.data;
  throw new ExternalError('invalid-answer', `${node.endpoint} did not answer ${method} as a node does.`, {
    retryable: true,
    cause: answer.error,
  });
}

function readRevert(error: unknown): { reason: string; data: Hex | undefined } {
  if (!isCallException(error)) throw error;
  const { message } = rpcErrorSchema.safeParse(error.info?.error).data ?? {};
  const data = error.data === null ? undefined : (error.data as Hex);
  const reason = error.reason ?? describeRevertData(data) ?? message ?? error.shortMessage;
  // A contract's words, or the node's.
  return { reason: foreignText(reason), data };
}

const rpcErrorSchema = z.object({ message: z.string() });
const refusalInfo = z.object({ info: z.object({ error: rpcErrorSchema }) });

function describeRevertData(data: Hex | undefined): string | undefined {
  if (data === undefined || data.length < 10) return undefined;
  const isText = data.startsWith('0x08c379a0');
  if (!isText) return `custom error ${data.slice(0, 10)}`;
  try {
    return AbiCoder.defaultAbiCoder().decode(['string'], `0x${data.slice(10)}`)[0] as string;
  } catch {
    return 'a reason that cannot be read';
  }
}
