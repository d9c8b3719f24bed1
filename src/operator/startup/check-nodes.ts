import type { BeaconNode } from '../../clients/beacon/beacon-node.ts';
import { requireContractCode } from '../../clients/execution/contracts/contract-call.ts';
import type { ExecutionNode } from '../../clients/execution/execution-node.ts';
import { requireSyncedNode } from '../../clients/execution/node-sync.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { countOf } from '../../lib/plural.ts';
import type { Network } from '../../networks/network.ts';
import { isOutage } from '../loop/wait-out.ts';

type Log = Pick<Logger, 'info' | 'warn'>;

/**
 * Every execution node must be of the chain and have the protocol's contracts; one of them must be synced.
 * @param nodes - one per endpoint, which try nothing twice
 * @throws OperatorError for a mismatch on any of them; ExternalError, retryable, when none is up and synced
 */
export async function checkExecutionNodes(
  log: Log,
  nodes: readonly ExecutionNode[],
  { contracts }: Pick<Network, 'contracts'>,
): Promise<void> {
  const blocks = await askAll(log, nodes, async node => {
    await requireSyncedNode(node);
    const [block] = await Promise.all([
      node.getBlockNumber(),
      requireContractCode(node, 'keeper', contracts.keeper),
      requireContractCode(node, 'deposit contract', contracts.depositContract),
    ]);
    return { endpoint: node.endpoint, block };
  });
  // A node that calls itself synced may still be behind the others.
  const highest = blocks.reduce((most, { block }) => Math.max(most, block), 0);
  for (const { endpoint, block } of blocks) {
    const state = `synced, ${countOf(highest - block, 'block')} behind`;
    log.info(`Connected to execution node at ${endpoint}. Current block number: ${block} (${state})`);
  }
}

/**
 * Every beacon node must be of the network, with its deposit contract; one of them must be synced.
 * @throws as {@link checkExecutionNodes}
 */
export async function checkBeaconNodes(
  log: Log,
  nodes: readonly BeaconNode[],
  { chainId, contracts }: Pick<Network, 'chainId' | 'contracts'>,
): Promise<void> {
  const states = await askAll(log, nodes, async node => {
    const state = await node.fetchSyncState();
    const deposits = await node.fetchDepositContract();
    if (deposits !== undefined && !isSame(deposits, { chainId, address: contracts.depositContract })) {
      throw new ExternalError(
        'wrong-network',
        `${node.endpoint} is a node of another network: deposits into ${deposits.address} of chain ${deposits.chainId} instead of ${contracts.depositContract} of chain ${chainId}.`,
        { hint: 'Check the network and the consensus endpoints.' },
      );
    }
    return { endpoint: node.endpoint, epoch: state.headSlot / BigInt(node.slotsPerEpoch), ...state };
  });
  for (const { endpoint, epoch, headSlot, distance } of states) {
    const state = `synced, head slot ${headSlot}, ${countOf(Number(distance), 'slot')} behind`;
    log.info(`Connected to consensus node at ${endpoint}. Current epoch: ${epoch} (${state})`);
  }
}

interface DepositContract {
  readonly chainId: number;
  readonly address: string;
}

function isSame(one: DepositContract, other: DepositContract): boolean {
  return one.chainId === other.chainId && one.address.toLowerCase() === other.address.toLowerCase();
}

/** Asks all; a mismatch of one counts before anything that the others say, an outage only when it is all there is. */
async function askAll<N, T>(
  log: Log,
  nodes: readonly N[],
  ask: (node: N) => Promise<T>,
): Promise<readonly T[]> {
  const answers = await Promise.allSettled(nodes.map(ask));
  const failures = answers.flatMap(answer => (answer.status === 'rejected' ? [answer.reason] : []));
  const mismatch = failures.find(error => !isOutage(error));
  if (mismatch !== undefined) throw mismatch;
  const found = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []));
  if (found.length === 0) {
    if (failures.length === 1) throw failures[0];
    throw new ExternalError('nodes-unavailable', failures.map(messageOf).join(' '), { retryable: true });
  }
  for (const error of failures) log.warn(`${messageOf(error)} The others are used.`);
  return found;
}
