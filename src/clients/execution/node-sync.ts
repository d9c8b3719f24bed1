import { z } from 'zod';
import { ExternalError } from '../../lib/errors.ts';
import type { ExecutionNode } from './execution-node.ts';

const quantity = z
  .string()
  .regex(/^0x[0-9a-f]+$/i)
  .transform(Number);
const syncingAnswer = z.union([
  z.literal(false),
  z.looseObject({ currentBlock: quantity.optional(), highestBlock: quantity.optional() }),
]);

/**
 * @throws ExternalError 'execution-node-syncing', retryable, that says how far the node is
 */
export async function requireSyncedNode(node: ExecutionNode): Promise<void> {
  const answer = syncingAnswer.safeParse(await node.send('eth_syncing', []));
  if (!answer.success) {
    throw new ExternalError('invalid-answer', `${node.endpoint} does not tell whether it is synced.`, {
      cause: answer.error,
    });
  }
  if (answer.data === false) return;
  const { currentBlock, highestBlock } = answer.data;
  const howFar =
    currentBlock === undefined || highestBlock === undefined
      ? ''
      : `: block ${currentBlock} of ${highestBlock}, ${Math.max(0, highestBlock - currentBlock)} behind`;
  throw new ExternalError('execution-node-syncing', `${node.endpoint} is syncing${howFar}.`, {
    retryable: true,
    hint: 'Wait until it is synced, or name another with --execution-endpoints.',
  });
}
