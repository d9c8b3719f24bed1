import { Interface } from 'ethers/abi';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import type { Hex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { isContractFailure } from './contract-call.ts';
import { encodeCalls, encodeRegistryStateUpdate } from './vault-calldata.ts';

/** StakeWise V3 ValidatorsChecker of the release with redemptions, the parts in use. */
const checkerAbi = new Interface([
  'function getExitQueueCumulativeTickets(address vault) view returns (uint256)',
  'function getExitQueueMissingAssets(address vault, uint256 withdrawingAssets, uint256 redemptionAssets, uint256 targetCumulativeTickets) view returns (uint256 missingAssets)',
  'function multicall(bytes[] data) returns (bytes[] results)',
]);

export interface MissingAssetsQuery {
  /** Address of the validators checker. */
  readonly checker: string;
  readonly vault: string;
  readonly blockNumber: number;
  /** The harvest that is done first; null when none is pending. */
  readonly harvest: HarvestParams | null;
  /** What is on its way from validators to the vault already. GNO of Gnosis Chain, as all of this. */
  readonly comingInWei: bigint;
  /** What is kept for redemptions of osToken. */
  readonly redemptionWei: bigint;
}

/**
 * Assets that the vault lacks to pay all who are in its exit queue, as of one block and after a pending harvest.
 * @throws ExternalError `contract-call-failed` when the checker refuses, or is another release
 */
export async function fetchMissingAssets(node: ExecutionNode, query: MissingAssetsQuery): Promise<bigint> {
  const { vault, comingInWei, redemptionWei } = query;
  const tickets = await read(node, query, 'getExitQueueCumulativeTickets', [vault]);
  const args = [vault, comingInWei, redemptionWei, tickets];
  return await read(node, query, 'getExitQueueMissingAssets', args);
}

/** One view of the checker, behind the harvest: a call that is never sent may do both. */
async function read(
  node: ExecutionNode,
  { checker, vault, blockNumber, harvest }: MissingAssetsQuery,
  method: string,
  args: readonly unknown[],
): Promise<bigint> {
  const view = checkerAbi.encodeFunctionData(method, args) as Hex;
  const calls = harvest === null ? [view] : [encodeRegistryStateUpdate(vault, harvest), view];
  try {
    const data = await node.call({ to: checker, data: encodeCalls(calls), blockTag: blockNumber });
    const answer = harvest === null ? data : lastResult(data);
    return checkerAbi.decodeFunctionResult(method, answer).toArray()[0] as bigint;
  } catch (error) {
    if (!isContractFailure(error)) throw error;
    throw new ExternalError(
      'contract-call-failed',
      `${method} of the validators checker ${checker} failed: ${error.shortMessage}.`,
      { cause: error },
    );
  }
}

function lastResult(data: string): string {
  const [results] = checkerAbi.decodeFunctionResult('multicall', data).toArray(true) as [string[]];
  return results.at(-1) ?? '0x';
}
