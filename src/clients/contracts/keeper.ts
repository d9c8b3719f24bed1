import { Interface } from 'ethers/abi';
import { z } from 'zod';
import { ExternalError } from '../../lib/errors.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { findLastLog } from '../log-search.ts';
import { readContract, requireContractCode } from './contract-call.ts';

/** StakeWise V3 IKeeper, the parts in use. */
export const keeperAbi = new Interface([
  'event ConfigUpdated(string configIpfsHash)',
  'event RewardsUpdated(address indexed caller, bytes32 indexed rewardsRoot, uint256 avgRewardPerSecond, uint64 updateTimestamp, uint64 nonce, string rewardsIpfsHash)',
  'event ExitSignaturesUpdated(address indexed caller, address indexed vault, uint256 nonce, string exitSignaturesIpfsHash)',
  'function validatorsMinOracles() view returns (uint256)',
  'function isCollateralized(address vault) view returns (bool)',
  'function canHarvest(address vault) view returns (bool)',
  'function isHarvestRequired(address vault) view returns (bool)',
  'function rewardsNonce() view returns (uint64)',
  'function exitSignaturesNonces(address vault) view returns (uint256)',
]);

export interface KeeperRef {
  readonly keeper: string;
  readonly keeperGenesisBlock: number;
}

/**
 * Where the oracle configuration is: the IPFS hash of the keeper's last ConfigUpdated event.
 * @throws OperatorError `contract-not-found`; ExternalError `no-oracle-config` when there was no such event
 */
export async function fetchConfigIpfsHash(
  node: ExecutionNode,
  { keeper, keeperGenesisBlock }: KeeperRef,
): Promise<string> {
  await requireContractCode(node, 'keeper', keeper);
  const topics = keeperAbi.encodeFilterTopics('ConfigUpdated', []).flatMap(topic => topic ?? []);
  const log = await findLastLog(node, { address: keeper, topics, fromBlock: keeperGenesisBlock });
  if (log === null) throw noOracleConfig(keeper);
  const [configIpfsHash] = keeperAbi.decodeEventLog('ConfigUpdated', log.data, log.topics);
  return z.string().parse(configIpfsHash);
}

/** There has been no ConfigUpdated event. */
export function noOracleConfig(keeper: string): ExternalError {
  return new ExternalError('no-oracle-config', `The keeper ${keeper} has published no oracle configuration.`);
}

/** Number of oracle approvals that the keeper asks for. */
export async function fetchValidatorsMinOracles(node: ExecutionNode, keeper: string): Promise<number> {
  const [count] = await readContract(
    node,
    { name: 'keeper', address: keeper, abi: keeperAbi },
    'validatorsMinOracles',
  );
  return Number(z.bigint().parse(count));
}
