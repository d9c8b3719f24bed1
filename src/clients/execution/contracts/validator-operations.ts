import { type Hex, toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { WEI_PER_GWEI } from '../../../lib/units.ts';
import { fetchHead } from '../block-headers.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { isRefusal } from '../log-search.ts';
import { findLastVaultEvent, readVaultEvent, topicOf } from './vault-events.ts';

/** What a vault of version 5 (3 on Gnosis) tells of each validator that it has topped up or requested a withdrawal from. */
const EVENTS = { funding: 'ValidatorFunded', withdrawal: 'ValidatorWithdrawalSubmitted' } as const;

/** What a vault does with validators that it has. */
export type ValidatorOperationKind = keyof typeof EVENTS;

/** A top-up of one validator, or a request to withdraw from it. */
export interface ValidatorOperation {
  /** Lower case. */
  readonly publicKey: Hex;
  /** Gwei of the validator's balance, as in the call, also on Gnosis. 0 for the withdrawal of all of it. */
  readonly amountGwei: bigint;
}

interface OperationSearch {
  readonly kind: ValidatorOperationKind;
  readonly fromBlock: number;
  readonly toBlock: number;
}

/**
 * All that a vault has done of a kind in a range of blocks, in the chain's order, as told by nodes that have its last block.
 * The others would leave out what is the question: whether something has just been done.
 * @param search.toBlock - a block that some node has told of
 * @throws ExternalError `node-behind` when none has it any more, `invalid-answer`; what the node failed with
 */
export async function fetchValidatorOperations(
  node: ExecutionNode,
  vault: string,
  { kind, fromBlock, toBlock }: OperationSearch,
): Promise<ValidatorOperation[]> {
  const operations: ValidatorOperation[] = [];
  const search = { address: vault, topics: [topicOf(EVENTS[kind])] };
  let size = toBlock - fromBlock + 1;
  for (let from = fromBlock; from <= toBlock; ) {
    const to = Math.min(toBlock, from + size - 1);
    try {
      // Asked together: of one node, and the head before the logs.
      const [head, logs] = await Promise.all([
        fetchHead(node),
        node.getLogs({ ...search, fromBlock: from, toBlock: to }),
      ]);
      if (head.number < to) throw nodeBehind(node, head.number, to);
      for (const log of logs) operations.push(readOperation(node, kind, log));
      from = to + 1;
    } catch (error) {
      if (!isRefusal(error) || size <= 1) throw error;
      size = Math.ceil(size / 2);
    }
  }
  return operations;
}

/** Block of the vault's last event of the kind in a range; null when there is none. @throws ExternalError `invalid-answer` */
export async function findLastOperationBlock(
  node: ExecutionNode,
  vault: string,
  { kind, fromBlock, toBlock }: OperationSearch,
): Promise<number | null> {
  const event = await findLastVaultEvent(node, { vault, names: [EVENTS[kind]], fromBlock, toBlock });
  return event === null ? null : event.blockNumber;
}

function readOperation(
  node: ExecutionNode,
  kind: ValidatorOperationKind,
  log: Parameters<typeof readVaultEvent>[2],
): ValidatorOperation {
  // Both events have an amount.
  const { publicKey, amountWei } = readVaultEvent(node, [EVENTS[kind]], log);
  return { publicKey: toHex(publicKey), amountGwei: (amountWei ?? 0n) / WEI_PER_GWEI };
}

function nodeBehind({ endpoint }: ExecutionNode, head: number, asked: number): ExternalError {
  return new ExternalError(
    'node-behind',
    `${endpoint} is at block ${head}, behind block ${asked} that was read before.`,
    { retryable: true },
  );
}
