import { Interface } from 'ethers/abi';
import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { RpcError } from '../rpc-error.ts';
import { fetchRegisteredValidators } from './vault.ts';

const registrationAbi = new Interface([
  'event ValidatorRegistered(bytes publicKey)',
  'event V2ValidatorRegistered(bytes publicKey, uint256 amount)',
]);
const EVENTS = ['ValidatorRegistered', 'V2ValidatorRegistered'] as const;

/**
 * Public keys that the vault has registered of late, lower case.
 * @param fromBlock - not long ago: it is asked for in one request, and in several of a node that limits them
 */
export async function fetchLateRegistrations(
  node: ExecutionNode,
  vault: string,
  fromBlock: number,
): Promise<ReadonlySet<Hex>> {
  const topics = [EVENTS.map(event => registrationAbi.getEvent(event)?.topicHash ?? '')];
  try {
    const logs = await node.getLogs({ address: vault, topics, fromBlock, toBlock: 'latest' });
    return new Set(
      logs.map(log => {
        const [publicKey] = registrationAbi.parseLog(log)?.args ?? [];
        return toHex(fromHex(z.string().parse(publicKey), PUBLIC_KEY_LENGTH));
      }),
    );
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return new Set((await fetchRegisteredValidators(node, vault, fromBlock)).map(toHex));
  }
}
