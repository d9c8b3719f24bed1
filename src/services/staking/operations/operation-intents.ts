import {
  fetchValidatorOperations,
  type ValidatorOperation,
  type ValidatorOperationKind,
} from '../../../clients/execution/contracts/validator-operations.ts';
import {
  encodeCalls,
  encodeFunding,
  encodeWithdrawalRequests,
} from '../../../clients/execution/contracts/vault-calldata.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import { encodeUpdateState, type HarvestParams } from '../../../domain/protocol/rewards.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { firstBlockAfter, keyOfOccasion, type Occasion } from '../../../transactions/occasion.ts';
import type { TransactionIntent } from '../../../transactions/transaction.ts';

/** Length of a validator's entry in a top-up: public key, a signature of zeros, root of the deposit, gwei. */
const FUNDING_LENGTH = 184;
/** Length of an entry of a withdrawal: public key, gwei. */
const WITHDRAWAL_LENGTH = 56;

/** A plan that becomes one transaction for each of its batches, one after another. */
interface OperationPlan {
  /** Checksummed. */
  readonly vault: string;
  /** Entries as the vault takes them, one after another; no validator stands in a plan twice. */
  readonly batches: readonly Uint8Array[];
  readonly occasion: Occasion;
}

interface FundingPlan extends OperationPlan {
  /** Goes before the first batch, when one is pending. */
  readonly harvest: HarvestParams | null;
}

interface WithdrawalPlan extends OperationPlan {
  /** What goes with each request; the vault pays what it takes, and sends the rest back. */
  readonly requestFeeWei: bigint;
}

/** Top-ups as calls of a vault of version 5 (3 on Gnosis), whose validators manager the wallet is. */
export function fundingIntents(
  node: ExecutionNode,
  { harvest, ...plan }: FundingPlan,
): readonly TransactionIntent[] {
  return intentsOf(
    node,
    plan,
    { kind: 'fund-validators', event: 'funding', length: FUNDING_LENGTH },
    batch => {
      const isFirst = batch === plan.batches[0];
      const funding = encodeFunding(batch);
      const calls = harvest === null || !isFirst ? [funding] : [encodeUpdateState(harvest), funding];
      return { data: encodeCalls(calls), valueWei: 0n };
    },
  );
}

/** Requests to withdraw as calls of such a vault, each with the fees of its requests. */
export function withdrawalIntents(
  node: ExecutionNode,
  { requestFeeWei, ...plan }: WithdrawalPlan,
): readonly TransactionIntent[] {
  const rules = { kind: 'withdraw-validators', event: 'withdrawal', length: WITHDRAWAL_LENGTH } as const;
  return intentsOf(node, plan, rules, batch => ({
    data: encodeWithdrawalRequests(batch),
    valueWei: requestFeeWei * BigInt(batch.length / WITHDRAWAL_LENGTH),
  }));
}

interface OperationRules {
  readonly kind: TransactionIntent['kind'];
  readonly event: ValidatorOperationKind;
  readonly length: number;
}

/** A batch is done when the vault has told of all of it; it is outdated when the vault has told of what no other batch is. */
function intentsOf(
  node: ExecutionNode,
  { vault, batches, occasion }: OperationPlan,
  { kind, event, length }: OperationRules,
  encode: (batch: Uint8Array) => { readonly data: Hex; readonly valueWei: bigint },
): TransactionIntent[] {
  const fromBlock = firstBlockAfter(occasion);
  const planned = batches.map(batch => readEntries(batch, length));
  const happened = async (toBlock: number) =>
    new Bag(await fetchValidatorOperations(node, vault, { kind: event, fromBlock, toBlock }));
  return batches.map((batch, index) => {
    const { data, valueWei } = encode(batch);
    const own = planned[index] ?? [];
    return {
      kind,
      key: keyOfOccasion(kind, data, occasion),
      to: vault,
      data,
      valueWei,
      validators: own.length,
      isPatient: true,
      isDone: async head => (await happened(head)).take(own),
      async isOutdated(head) {
        const events = await happened(head);
        for (const [other, entries] of planned.entries()) if (other !== index) events.take(entries);
        return events.size > 0;
      },
    };
  });
}

function readEntries(batch: Uint8Array, length: number): ValidatorOperation[] {
  if (batch.length === 0 || batch.length % length !== 0) {
    throw new RangeError(`entries of ${length} bytes each cannot have ${batch.length} bytes`);
  }
  return Array.from({ length: batch.length / length }, (_, index) => {
    const entry = batch.subarray(index * length, (index + 1) * length);
    const amount = new DataView(entry.buffer, entry.byteOffset + length - 8, 8);
    return {
      publicKey: toHex(entry.subarray(0, PUBLIC_KEY_LENGTH)),
      amountGwei: amount.getBigUint64(0),
    };
  });
}

/** Operations, each as often as it has happened. */
class Bag {
  readonly #counts = new Map<string, number>();

  constructor(operations: readonly ValidatorOperation[]) {
    for (const one of operations) this.#counts.set(nameOf(one), this.#countOf(one) + 1);
  }

  get size(): number {
    return this.#counts.size;
  }

  /** Takes all of them out, or nothing. @returns whether they were there */
  take(operations: readonly ValidatorOperation[]): boolean {
    if (operations.some(one => this.#countOf(one) === 0)) return false;
    for (const one of operations) {
      const left = this.#countOf(one) - 1;
      if (left > 0) this.#counts.set(nameOf(one), left);
      else this.#counts.delete(nameOf(one));
    }
    return true;
  }

  #countOf(operation: ValidatorOperation): number {
    return this.#counts.get(nameOf(operation)) ?? 0;
  }
}

function nameOf({ publicKey, amountGwei }: ValidatorOperation): string {
  return `${publicKey} ${amountGwei}`;
}
