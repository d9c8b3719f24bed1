import { Interface } from 'ethers/abi';
import type { Log } from 'ethers/providers';
import { z } from 'zod';
import type { ConfigEvent } from '../../../domain/protocol/config-votes.ts';
import type { Hex } from '../../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { findLastLog } from '../log-search.ts';
import { readContract, requireContractCode } from './contract-call.ts';
import { type MulticallOptions, readContracts } from './multicall.ts';

/** StakeWise V3 IKeeper, the parts in use. */
export const keeperAbi = new Interface([
  'event ConfigUpdated(string configIpfsHash)',
  'event RewardsUpdated(address indexed caller, bytes32 indexed rewardsRoot, uint256 avgRewardPerSecond, uint64 updateTimestamp, uint64 nonce, string rewardsIpfsHash)',
  'event ExitSignaturesUpdated(address indexed caller, address indexed vault, uint256 nonce, string exitSignaturesIpfsHash)',
  'function isOracle(address oracle) view returns (bool)',
  'function totalOracles() view returns (uint256)',
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
  /** What is known of its events up to a block: a node need not have older logs than that, but of one block. */
  readonly keeperCheckpoint?: { readonly block: number; readonly configUpdatedBlock: number } | undefined;
}

/**
 * Where the oracle configuration is: the IPFS hash of the keeper's last ConfigUpdated event.
 * @throws OperatorError `contract-not-found`; ExternalError `no-oracle-config` when there was no such event
 */
export async function fetchConfigIpfsHash(node: ExecutionNode, ref: KeeperRef): Promise<string> {
  const event = await fetchConfigEvent(node, ref);
  if (event === null) throw noOracleConfig(ref.keeper);
  return event.ipfsHash;
}

/**
 * The keeper's last ConfigUpdated event.
 * @param options.toBlock - default: the head
 * @returns null when there was none
 * @throws OperatorError `contract-not-found`; ExternalError `invalid-answer` for an event that the keeper cannot have made,
 *   `logs-pruned` when the node lacks the one that the network's checkpoint knows of
 */
export async function fetchConfigEvent(
  node: ExecutionNode,
  ref: KeeperRef,
  options: { readonly toBlock?: number | undefined } = {},
): Promise<ConfigEvent | null> {
  await requireContractCode(node, 'keeper', ref.keeper);
  const log = await findLastConfigLog(node, ref, options.toBlock ?? (await node.getBlockNumber()));
  if (log === null) return null;
  const { blockNumber, blockHash, index: logIndex } = log;
  return { ipfsHash: readIpfsHash(node, log), blockNumber, blockHash: blockHash as Hex, logIndex };
}

/**
 * Log of the keeper's last ConfigUpdated event up to a block. Behind the network's checkpoint all blocks are searched; up to it
 * there is one event to ask for, whose block is known.
 * @returns null when there was none
 * @throws ExternalError `logs-pruned` when the node does not have that event
 */
export async function findLastConfigLog(
  node: ExecutionNode,
  { keeper, keeperGenesisBlock, keeperCheckpoint }: KeeperRef,
  toBlock: number,
): Promise<Log | null> {
  const topics = keeperAbi.encodeFilterTopics('ConfigUpdated', []).flatMap(topic => topic ?? []);
  const search = { address: keeper, topics, toBlock };
  if (keeperCheckpoint === undefined || toBlock < keeperCheckpoint.configUpdatedBlock) {
    return await findLastLog(node, { ...search, fromBlock: keeperGenesisBlock });
  }
  const { block, configUpdatedBlock } = keeperCheckpoint;
  const late = await findLastLog(node, { ...search, fromBlock: block + 1 });
  if (late !== null) return late;
  const known = { ...search, fromBlock: configUpdatedBlock, toBlock: configUpdatedBlock };
  const log = await findLastLog(node, known);
  if (log !== null) return log;
  throw new ExternalError(
    'logs-pruned',
    `${node.endpoint} does not have the keeper's ConfigUpdated event of block ${configUpdatedBlock}, the last one up to block ${block}.`,
    { hint: 'It has pruned its logs: name a node in --execution-endpoints that keeps those of this block.' },
  );
}

function readIpfsHash(
  node: ExecutionNode,
  { data, topics, blockNumber }: Pick<Log, 'data' | 'topics' | 'blockNumber'>,
): string {
  try {
    const [configIpfsHash] = keeperAbi.decodeEventLog('ConfigUpdated', data, topics);
    return z.string().parse(configIpfsHash);
  } catch (error) {
    throw new ExternalError(
      'invalid-answer',
      `${node.endpoint} tells of a ConfigUpdated event in block ${blockNumber} that the keeper cannot have made: ${messageOf(error)}.`,
      { cause: error },
    );
  }
}

/** Which of some addresses the keeper takes for oracles, and how many oracles it has, as of one block. */
export interface OracleMembership {
  /** Addresses that it does not know. */
  readonly unknown: readonly string[];
  readonly total: number;
}

/** Asks the keeper in one call for every address. */
export async function fetchOracleMembership(
  node: ExecutionNode,
  keeper: string,
  addresses: readonly string[],
  where: MulticallOptions,
): Promise<OracleMembership> {
  const contract = { name: 'keeper', address: keeper, abi: keeperAbi };
  const calls = addresses.map(address => ({ contract, method: 'isOracle', args: [address] }));
  const answers = await readContracts(node, [{ contract, method: 'totalOracles' }, ...calls], where);
  const [total, ...known] = answers.map(([value]) => value);
  return {
    unknown: addresses.filter((_, i) => known[i] !== true),
    total: Number(z.bigint().parse(total)),
  };
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
