import { Interface } from 'ethers/abi';
import { z } from 'zod';
import { fromHex } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { findAllLogs } from '../log-search.ts';

/** StakeWise V2 Pool, the part in use. Its event shares the name with the vaults', not the topic. */
const v2PoolAbi = new Interface(['event ValidatorRegistered(bytes publicKey, address operator)']);

/**
 * Public keys of the validators that the V2 pool has registered, for all its operators, in the order of their
 * registration. They belong to the network's genesis vault since.
 * @param fromBlock - before the pool was made: no pool is older than the deposit contract it sends to
 * @returns 48 bytes each
 */
export async function fetchV2PoolValidators(
  node: ExecutionNode,
  v2Pool: string,
  fromBlock: number,
): Promise<Uint8Array[]> {
  const topics = v2PoolAbi.encodeFilterTopics('ValidatorRegistered', []).flatMap(topic => topic ?? []);
  const logs = await findAllLogs(node, { address: v2Pool, topics, fromBlock });
  return logs.map(log => {
    const [publicKey] = v2PoolAbi.decodeEventLog('ValidatorRegistered', log.data, log.topics);
    return fromHex(z.string().parse(publicKey), PUBLIC_KEY_LENGTH);
  });
}
