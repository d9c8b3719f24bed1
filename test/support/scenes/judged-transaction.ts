import type { StoredAttempt } from '../../../src/db/transactions.ts';
import { type Hex, toHex } from '../../../src/lib/bytes.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import type { JudgedTransaction } from '../../../src/transactions/intent-proofs.ts';

/** The nonce of the transaction that the tests decide about. */
export const NONCE = 5n;

/** A signed form, told from others by one byte. */
export function formNumber(byte: number, more: Partial<StoredAttempt> = {}): StoredAttempt {
  return {
    hash: new Uint8Array(32).fill(byte),
    nonce: NONCE,
    purpose: 'call',
    raw: new Uint8Array([2, byte]),
    maxFeeWei: 20n * GWEI,
    maxPriorityFeeWei: 2n * GWEI,
    mac: undefined,
    ...more,
  };
}

/** The hash of the form with this byte. */
export function hashNumber(byte: number): Hex {
  return toHex(new Uint8Array(32).fill(byte));
}

/** A transaction of this operator that was sent in one form and waits. */
export function judgedTransaction(more: Partial<JudgedTransaction> = {}): JudgedTransaction {
  return {
    id: 7n,
    kind: 'harvest',
    key: 'harvest 1',
    sender: new Uint8Array(20).fill(0xaa),
    nonce: NONCE,
    recipient: new Uint8Array(20).fill(0xbb),
    data: new Uint8Array([1, 2, 3]),
    valueWei: 0n,
    gasLimit: 90_000n,
    deadline: undefined,
    leaseEpoch: 1n,
    state: 'sent',
    reason: undefined,
    minedHash: undefined,
    minedBlock: undefined,
    request: undefined,
    feeCeilingWei: undefined,
    bumpCeilingWei: 200n * GWEI,
    mac: new Uint8Array(32),
    createdAt: new Date(0),
    updatedAt: new Date(0),
    isProven: true,
    attempts: [formNumber(1)],
    ...more,
  };
}
