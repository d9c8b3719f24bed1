import type { Hex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { fetchHeader } from './block-headers.ts';
import type { ExecutionNode } from './execution-node.ts';

/**
 * Makes sure that the execution node has the block that the beacon chain's head names, so that what is read of it by its number
 * fits what is read of the beacon chain. Asked before and after reading, it also notices a reorganisation in between.
 * @throws ExternalError `node-behind` when it does not have the block yet, `chain-heads-differ` when it has another one
 */
export async function requireSameBlock(
  node: ExecutionNode,
  block: { readonly number: number; readonly hash: Hex },
): Promise<void> {
  const header = await fetchHeader(node, block.number);
  if (header === null) {
    throw new ExternalError(
      'node-behind',
      `${node.endpoint} does not have block ${block.number} yet, which the beacon chain's head is built upon.`,
      { retryable: true },
    );
  }
  if (header.hash === block.hash) return;
  throw new ExternalError(
    'chain-heads-differ',
    `${node.endpoint} has ${header.hash} as block ${block.number}, and the beacon node has ${block.hash}.`,
    { retryable: true, hint: 'It passes by itself, unless the endpoints are of two chains.' },
  );
}
