import { equalBytes, fromHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH, HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { compoundingCredentials, vaultCredentials } from './deposit.ts';
import {
  isLeaving,
  MIN_ACTIVATION_BALANCE_GWEI,
  SHARD_COMMITTEE_PERIOD,
  type ValidatorState,
} from './validator-state.ts';

/** What the execution layer asks of the beacon chain: withdrawals (EIP-7002) and consolidations (EIP-7251). */
export type RequestKind = 'withdrawal' | 'consolidation';

/** The system contracts that take the requests, on every chain. */
export const REQUEST_CONTRACTS: Readonly<Record<RequestKind, string>> = {
  withdrawal: '0x00000961Ef480Eb55e80D19ad83579A64c007002',
  consolidation: '0x0000BBdDc7CE488642fb579F8B00f3a590007251',
};

/** State of a system contract: what stands in its first four slots. */
export interface RequestQueue {
  /** What the fee grows with; undefined before the first block of the fork has ended, when no request is taken. */
  readonly excess: bigint | undefined;
  /** Requests that the block has taken so far. */
  readonly countInBlock: bigint;
  /** Place of the first request that the beacon chain has not been given yet. */
  readonly head: bigint;
  /** Place behind the last one. */
  readonly tail: bigint;
}

/** Slots before the requests: excess, count, head, tail. */
export const QUEUE_HEADER_SLOTS = 4n;
/** Slots of one request. */
const SLOTS: Readonly<Record<RequestKind, bigint>> = { withdrawal: 3n, consolidation: 4n };
/** `EXCESS_INHIBITOR`: what stands in the first slot until the contract has begun. */
const EXCESS_INHIBITOR = 2n ** 256n - 1n;

/** A withdrawal that has been asked for; the beacon chain may find it void. */
export interface WithdrawalRequest {
  /** Who has asked, 20 bytes. */
  readonly source: Uint8Array;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 0 for an exit. */
  readonly amountGwei: bigint;
}

/** A consolidation that has been asked for; the beacon chain may find it void. */
export interface ConsolidationRequest {
  /** Who has asked, 20 bytes. */
  readonly source: Uint8Array;
  /** 48 bytes each. */
  readonly sourceKey: Uint8Array;
  readonly targetKey: Uint8Array;
}

/** Reads the first four slots of a system contract. */
export function readRequestQueue([
  excess = 0n,
  countInBlock = 0n,
  head = 0n,
  tail = 0n,
]: readonly bigint[]): RequestQueue {
  return { excess: excess === EXCESS_INHIBITOR ? undefined : excess, countInBlock, head, tail };
}

/** How many requests wait. */
export function queueLength({ head, tail }: Pick<RequestQueue, 'head' | 'tail'>): number {
  return tail > head ? Number(tail - head) : 0;
}

/** Slots of all requests that wait, in the order in which {@link readWithdrawalRequests} and its like take them. */
export function requestSlots(kind: RequestKind, queue: Pick<RequestQueue, 'head' | 'tail'>): bigint[] {
  const first = QUEUE_HEADER_SLOTS + queue.head * SLOTS[kind];
  return Array.from({ length: queueLength(queue) * Number(SLOTS[kind]) }, (_, i) => first + BigInt(i));
}

/** Reads the withdrawals that wait, of their {@link requestSlots}: source; key; rest of the key, amount, 8 bytes of nothing. */
export function readWithdrawalRequests(words: readonly bigint[]): WithdrawalRequest[] {
  return readEntries('withdrawal', words).map(entry => ({
    source: sourceOf(entry),
    publicKey: entry.slice(HASH_LENGTH, HASH_LENGTH + PUBLIC_KEY_LENGTH),
    amountGwei: new DataView(entry.buffer, entry.byteOffset).getBigUint64(HASH_LENGTH + PUBLIC_KEY_LENGTH),
  }));
}

/** Reads the consolidations that wait, of their {@link requestSlots}: source; both keys, one after the other. */
export function readConsolidationRequests(words: readonly bigint[]): ConsolidationRequest[] {
  return readEntries('consolidation', words).map(entry => ({
    source: sourceOf(entry),
    sourceKey: entry.slice(HASH_LENGTH, HASH_LENGTH + PUBLIC_KEY_LENGTH),
    targetKey: entry.slice(HASH_LENGTH + PUBLIC_KEY_LENGTH, HASH_LENGTH + 2 * PUBLIC_KEY_LENGTH),
  }));
}

/** The bytes of each entry. @throws RangeError when the words are no whole entries, or longer than words are */
function readEntries(kind: RequestKind, words: readonly bigint[]): Uint8Array[] {
  const length = Number(SLOTS[kind]);
  if (words.length % length !== 0) {
    throw new RangeError(`${words.length} words are no ${kind} requests of ${length} words each`);
  }
  const bytes = fromHex(
    words.map(word => word.toString(16).padStart(2 * HASH_LENGTH, '0')).join(''),
    words.length * HASH_LENGTH,
  );
  const size = length * HASH_LENGTH;
  return Array.from({ length: words.length / length }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

function sourceOf(entry: Uint8Array): Uint8Array {
  return entry.slice(HASH_LENGTH - ADDRESS_LENGTH, HASH_LENGTH);
}

/** Most partial withdrawals that the beacon chain keeps: `PENDING_PARTIAL_WITHDRAWALS_LIMIT` (Electra). */
export const PENDING_PARTIALS_LIMIT = 134_217_728;

/** Why the beacon chain finds a withdrawal request void: its fee is lost. */
export type WithdrawalFault =
  | 'queue-full'
  /** Who asks is not whom the validator's balance goes to. */
  | 'foreign'
  | 'not-active'
  /** The exit has begun, or is over. */
  | 'exiting'
  /** Not active for long enough. */
  | 'too-young'
  /** It asks for an exit, and partial withdrawals wait. */
  | 'partials-pending'
  | 'not-compounding'
  /** Nothing above 32 ETH is left, by the balance or by the effective one. */
  | 'nothing-to-withdraw';

/**
 * Why a withdrawal request would be void: `process_withdrawal_request` of the consensus specification (Electra), in its order.
 * @param state.pendingGwei - partial withdrawals of this validator that wait
 * @returns undefined when it is not
 */
export function findWithdrawalFault(
  { source, amountGwei }: Pick<WithdrawalRequest, 'source' | 'amountGwei'>,
  validator: ValidatorState,
  state: { readonly epoch: bigint; readonly pendingGwei: bigint; readonly isQueueFull?: boolean | undefined },
): WithdrawalFault | undefined {
  const { withdrawalCredentials, status, activationEpoch, balanceGwei, effectiveBalanceGwei } = validator;
  const isExit = amountGwei === 0n;
  const isCompounding = equalBytes(withdrawalCredentials, compoundingCredentials(source));
  if (state.isQueueFull === true && !isExit) return 'queue-full';
  if (!isCompounding && !equalBytes(withdrawalCredentials, vaultCredentials(source))) return 'foreign';
  if (isLeaving(validator)) return 'exiting';
  if (status !== 'active_ongoing') return 'not-active';
  if (state.epoch < activationEpoch + SHARD_COMMITTEE_PERIOD) return 'too-young';
  if (isExit) return state.pendingGwei === 0n ? undefined : 'partials-pending';
  if (!isCompounding) return 'not-compounding';
  const hasExcess = balanceGwei > MIN_ACTIVATION_BALANCE_GWEI + state.pendingGwei;
  return hasExcess && effectiveBalanceGwei >= MIN_ACTIVATION_BALANCE_GWEI ? undefined : 'nothing-to-withdraw';
}
