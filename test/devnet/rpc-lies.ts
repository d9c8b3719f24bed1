import { AbiCoder, Interface } from 'ethers/abi';
import { id } from 'ethers/hash';

/** What a lying node says of the keeper's oracles; whatever is left out is the truth. */
export interface OracleLie {
  readonly keeper: string;
  /** A ConfigUpdated event after the true ones; null for a node that has none at all. */
  readonly event?: {
    readonly ipfsHash: string;
    readonly blockNumber: number;
    readonly blockHash: string;
  } | null;
  /** Addresses that are oracles, no others. */
  readonly oracles?: readonly string[];
}

interface Call {
  readonly method: string;
  readonly params: readonly unknown[];
}

interface RpcLog {
  readonly topics: readonly string[];
}

const CONFIG_UPDATED = id('ConfigUpdated(string)');
const MULTICALL = new Interface([
  'function aggregate((address target, bytes callData)[] calls) payable returns (uint256 blockNumber, bytes[] returnData)',
]);
const KEEPER = new Interface([
  'function isOracle(address) view returns (bool)',
  'function totalOracles() view returns (uint256)',
]);

/** The answer as the lying node gives it. */
export function tellLie(
  lie: OracleLie,
  { method, params }: Call,
  answer: Record<string, unknown>,
): Record<string, unknown> {
  if (!('result' in answer)) return answer;
  if (method === 'eth_getLogs' && lie.event !== undefined) {
    return { ...answer, result: forgeLogs(lie, params[0] as LogFilter, answer.result as RpcLog[]) };
  }
  if (method === 'eth_call' && lie.oracles !== undefined) {
    const [call] = params as { to?: string; data?: string; input?: string }[];
    return { ...answer, result: forgeCall(lie, call?.data ?? call?.input ?? '0x', String(answer.result)) };
  }
  return answer;
}

interface LogFilter {
  readonly topics?: readonly (null | string | readonly string[])[];
  readonly fromBlock?: string;
  readonly toBlock?: string;
}

function forgeLogs(
  { event, keeper }: OracleLie,
  filter: LogFilter,
  logs: readonly RpcLog[],
): readonly unknown[] {
  const isAsked = [filter.topics?.[0]].flat().includes(CONFIG_UPDATED);
  if (!isAsked || event === undefined) return logs;
  if (event === null) return logs.filter(({ topics }) => topics[0] !== CONFIG_UPDATED);
  const { blockNumber, blockHash, ipfsHash } = event;
  if (Number(filter.fromBlock) > blockNumber || Number(filter.toBlock) < blockNumber) return logs;
  const forged = {
    address: keeper,
    topics: [CONFIG_UPDATED],
    data: AbiCoder.defaultAbiCoder().encode(['string'], [ipfsHash]),
    blockNumber: `0x${blockNumber.toString(16)}`,
    blockHash,
    transactionHash: `0x${'77'.repeat(32)}`,
    transactionIndex: '0x0',
    logIndex: '0x63',
    removed: false,
  };
  return [...logs, forged];
}

function forgeCall(lie: OracleLie, data: string, result: string): string {
  if (data.startsWith(MULTICALL.getFunction('aggregate')?.selector ?? '-')) {
    const [calls] = MULTICALL.decodeFunctionData('aggregate', data);
    const [block, answers] = MULTICALL.decodeFunctionResult('aggregate', result);
    const forged = (calls as [string, string][]).map(([target, callData], i) =>
      target.toLowerCase() === lie.keeper.toLowerCase()
        ? forgeCall(lie, callData, (answers as string[])[i] ?? '0x')
        : (answers as string[])[i],
    );
    return MULTICALL.encodeFunctionResult('aggregate', [block, forged]);
  }
  const oracles = (lie.oracles ?? []).map(address => address.toLowerCase());
  if (data.startsWith(KEEPER.getFunction('totalOracles')?.selector ?? '-'))
    return KEEPER.encodeFunctionResult('totalOracles', [oracles.length]);
  if (data.startsWith(KEEPER.getFunction('isOracle')?.selector ?? '-')) {
    const [address] = KEEPER.decodeFunctionData('isOracle', data);
    return KEEPER.encodeFunctionResult('isOracle', [oracles.includes(String(address).toLowerCase())]);
  }
  return result;
}
