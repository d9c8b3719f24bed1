import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import type { Deposit } from './deposit.ts';

/** A deposit as the deposit contract has taken it. */
export interface RegistryDeposit extends Deposit {
  /** Number of deposits that came before it. */
  readonly index: bigint;
  readonly blockNumber: number;
}

/** Length of the fields publicKey, withdrawalCredentials, amount (8, little-endian) and signature one after another. */
const DEPOSIT_RECORD_LENGTH = 184;

const WORD = 32;
/** The event's five `bytes`: place of the length in the data, and the length. The ABI leaves the contract no other form. */
const FIELDS = [
  { offset: 0xa0, length: PUBLIC_KEY_LENGTH },
  { offset: 0x100, length: HASH_LENGTH },
  { offset: 0x140, length: 8 },
  { offset: 0x180, length: SIGNATURE_LENGTH },
  { offset: 0x200, length: 8 },
] as const;
const DATA_LENGTH = 0x240;

/**
 * Reads the data of a `DepositEvent`. The byte strings are views of it.
 * @throws RangeError for data that the deposit contract never emits
 */
export function readDepositLog(data: Uint8Array, blockNumber: number): RegistryDeposit {
  if (data.length !== DATA_LENGTH) throw new RangeError(`its data has ${data.length} bytes`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [publicKey, withdrawalCredentials, , signature] = FIELDS.map(({ offset, length }, i) => {
    requireWord(view, i * WORD, offset);
    requireWord(view, offset, length);
    return data.subarray(offset + WORD, offset + WORD + length);
  }) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const amountGwei = view.getBigUint64(FIELDS[2].offset + WORD, true);
  const index = view.getBigUint64(FIELDS[4].offset + WORD, true);
  return { publicKey, withdrawalCredentials, amountGwei, signature, index, blockNumber };
}

/** Deposits as one byte string of {@link DEPOSIT_RECORD_LENGTH} each, for another thread. */
export function writeDepositRecords(deposits: readonly Deposit[]): Uint8Array<ArrayBuffer> {
  const records = new Uint8Array(deposits.length * DEPOSIT_RECORD_LENGTH);
  const view = new DataView(records.buffer);
  for (const [i, deposit] of deposits.entries()) {
    const at = i * DEPOSIT_RECORD_LENGTH;
    records.set(deposit.publicKey, at);
    records.set(deposit.withdrawalCredentials, at + PUBLIC_KEY_LENGTH);
    view.setBigUint64(at + 80, deposit.amountGwei, true);
    records.set(deposit.signature, at + 88);
  }
  return records;
}

/** The deposits of {@link writeDepositRecords}, views of it. */
export function readDepositRecords(records: Uint8Array): Deposit[] {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  return Array.from({ length: records.length / DEPOSIT_RECORD_LENGTH }, (_, i) => {
    const at = i * DEPOSIT_RECORD_LENGTH;
    return {
      publicKey: records.subarray(at, at + PUBLIC_KEY_LENGTH),
      withdrawalCredentials: records.subarray(at + PUBLIC_KEY_LENGTH, at + 80),
      amountGwei: view.getBigUint64(at + 80, true),
      signature: records.subarray(at + 88, at + DEPOSIT_RECORD_LENGTH),
    };
  });
}

function requireWord(view: DataView, at: number, value: number): void {
  const isSmall = view.getBigUint64(at) === 0n && view.getBigUint64(at + 8) === 0n;
  if (!isSmall || view.getBigUint64(at + 16) !== 0n || view.getBigUint64(at + 24) !== BigInt(value)) {
    throw new RangeError(`the word at byte ${at} is not ${value}`);
  }
}
