import { z } from 'zod';
import type { Hex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import type { ExecutionNode } from './execution-node.ts';

/** What is used of a block's header. */
export interface BlockHeader {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  /** Unix seconds. */
  readonly timestamp: number;
  /** 0 where the chain has no base fee. */
  readonly baseFeePerGasWei: bigint;
}

const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/i)
  .transform(text => text.toLowerCase() as Hex);
const quantity = z
  .string()
  .regex(/^0x[0-9a-f]+$/i)
  .transform(BigInt);
const safeNumber = quantity.transform(Number).pipe(z.int());

const headerAnswer = z
  .looseObject({
    number: safeNumber,
    hash,
    parentHash: hash,
    timestamp: safeNumber,
    baseFeePerGas: quantity.optional(),
  })
  .nullable();

/**
 * Header of the head, of the last finalized block, or of a block by its number.
 * @returns null when the node does not know it, such as a finalized block before there is one
 * @throws ExternalError `invalid-answer`, or what the node failed with
 */
export async function fetchHeader(
  node: ExecutionNode,
  block: 'latest' | 'finalized' | number,
): Promise<BlockHeader | null> {
  const tag = typeof block === 'number' ? `0x${block.toString(16)}` : block;
  const answer = headerAnswer.safeParse(await node.send('eth_getBlockByNumber', [tag, false]));
  if (!answer.success) {
    throw new ExternalError('invalid-answer', `${node.endpoint} did not answer with a block's header.`, {
      cause: answer.error,
    });
  }
  if (answer.data === null) return null;
  const { number, hash, parentHash, timestamp, baseFeePerGas = 0n } = answer.data;
  return { number, hash, parentHash, timestamp, baseFeePerGasWei: baseFeePerGas };
}

/**
 * The chain's head.
 * @throws ExternalError `invalid-answer`, or what the node failed with
 */
export async function fetchHead(node: ExecutionNode): Promise<BlockHeader> {
  const head = await fetchHeader(node, 'latest');
  if (head === null) throw new ExternalError('invalid-answer', `${node.endpoint} has no latest block.`);
  return head;
}
