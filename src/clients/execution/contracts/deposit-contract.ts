import { Interface } from 'ethers/abi';
import { type RegistryDeposit, readDepositLog } from '../../../domain/consensus/deposit-log.ts';
import { fromHex } from '../../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { type RawLog, walkLogs } from '../log-walk.ts';

/** The consensus layer's deposit contract (Gnosis Chain's has the same), the parts in use. */
export const depositContractAbi = new Interface([
  'function get_deposit_root() view returns (bytes32)',
  'function get_deposit_count() view returns (bytes)',
  'event DepositEvent(bytes pubkey, bytes withdrawal_credentials, bytes amount, bytes signature, bytes index)',
]);

/** Every deposit of a range of blocks. */
export interface DepositWindow {
  readonly toBlock: number;
  /** Deposits in the order of the contract. */
  readonly deposits: readonly RegistryDeposit[];
}

export interface DepositWalk {
  readonly depositContract: string;
  readonly fromBlock: number;
  readonly toBlock: number;
  /** See `walkLogs`. */
  readonly windowBlocks?: number | undefined;
}

const DEPOSIT_TOPIC = depositContractAbi.encodeFilterTopics('DepositEvent', []).flatMap(topic => topic ?? []);

/**
 * The deposits of a range, window by window, the oldest first.
 * @throws ExternalError `invalid-answer` for an event that the contract cannot have made; what `walkLogs` throws
 */
export async function* walkDeposits(node: ExecutionNode, walk: DepositWalk): AsyncGenerator<DepositWindow> {
  const search = { ...walk, address: walk.depositContract, topics: DEPOSIT_TOPIC };
  for await (const { toBlock, logs } of walkLogs(node, search)) {
    yield { toBlock, deposits: logs.map(log => readLog(node, log)) };
  }
}

/** What `get_deposit_count` answers: 8 bytes, little-endian. */
export function readDepositCount(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
}

function readLog(node: ExecutionNode, log: RawLog): RegistryDeposit {
  try {
    return readDepositLog(fromHex(log.data), log.blockNumber);
  } catch (error) {
    throw new ExternalError(
      'invalid-answer',
      `${node.endpoint} tells of a deposit in block ${log.blockNumber} that the deposit contract cannot have made: ${messageOf(error)}.`,
      { cause: error },
    );
  }
}
