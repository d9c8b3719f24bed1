import { findLastOperationBlock } from '../../../clients/execution/contracts/validator-operations.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { Network } from '../../../networks/network.ts';

/** What has room in a transaction: a request takes some 100,000 gas. */
export const MAX_BATCH = 100;
/** Blocks after which a plan is made anew: validators that it was made for may have begun to exit. */
export const STALE_BLOCKS = 32;
/** How far back the vault's last request is looked for, which tells occasions apart. */
const EVENTS_SECONDS = 43_200;

/** Block of the vault's last request to withdraw, looked for as far back as requests are apart; null where there is none. */
export function findLastRequestBlock(
  node: ExecutionNode,
  vault: string,
  {
    network,
    toBlock,
  }: {
    readonly network: Pick<Network, 'secondsPerSlot' | 'contracts'>;
    readonly toBlock: number;
  },
): Promise<number | null> {
  const blocks = Math.floor(EVENTS_SECONDS / network.secondsPerSlot);
  const fromBlock = Math.max(0, network.contracts.keeperGenesisBlock, toBlock - blocks);
  if (fromBlock > toBlock) return Promise.resolve(null);
  return findLastOperationBlock(node, vault, { kind: 'withdrawal', fromBlock, toBlock });
}
