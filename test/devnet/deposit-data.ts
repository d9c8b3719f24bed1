import { createHash } from 'node:crypto';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { type DepositChain, isSignedBy, unhex } from './exit-signature.ts';

/** SSZ of deposits, by hand. */

export interface Deposit {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly withdrawalCredentials: Uint8Array;
  readonly amountGwei: bigint;
  /** 96 bytes. */
  readonly signature: Uint8Array;
}

export const DEPOSIT_GWEI = 32_000_000_000n;

/** hash_tree_root(DepositData). */
export function depositDataRoot(deposit: Deposit): Buffer {
  const { signature } = deposit;
  const signatureRoot = sha256(
    sha256(signature.subarray(0, 64)),
    sha256(signature.subarray(64), Buffer.alloc(32)),
  );
  return sha256(
    sha256(sha256(deposit.publicKey, Buffer.alloc(16)), deposit.withdrawalCredentials),
    sha256(littleEndian(deposit.amountGwei), signatureRoot),
  );
}

/** What the key of a deposit signs: the message under the genesis fork. */
export function depositSigningRoot(deposit: Omit<Deposit, 'signature'>, chain: DepositChain): Buffer {
  const messageRoot = sha256(
    sha256(sha256(deposit.publicKey, Buffer.alloc(16)), deposit.withdrawalCredentials),
    sha256(littleEndian(deposit.amountGwei), Buffer.alloc(32)),
  );
  const forkDataRoot = sha256(Buffer.concat([chain.genesisForkVersion, Buffer.alloc(28)]), Buffer.alloc(32));
  return sha256(messageRoot, Buffer.concat([Uint8Array.of(3, 0, 0, 0), forkDataRoot.subarray(0, 28)]));
}

/** Whether the beacon chain makes a validator of it. */
export function isDepositSigned(deposit: Deposit, chain: DepositChain): boolean {
  return isSignedBy(deposit.publicKey, depositSigningRoot(deposit, chain), deposit.signature);
}

/** Credentials of a vault: 0x01, or 0x02 for a validator whose stake compounds. */
export function credentialsOf(vault: string, prefix: 1 | 2 = 1): Buffer {
  return Buffer.concat([Uint8Array.of(prefix), Buffer.alloc(11), unhex(vault)]);
}

/** The 176 bytes that register a validator of 32 ETH. */
export function encodeEntry(vault: string, publicKey: Uint8Array, signature: Uint8Array): Buffer {
  const withdrawalCredentials = credentialsOf(vault);
  const root = depositDataRoot({ publicKey, withdrawalCredentials, amountGwei: DEPOSIT_GWEI, signature });
  return Buffer.concat([publicKey, signature, root]);
}

/** The 184 bytes that register, or top up, a validator with 0x02 credentials. */
export function encodeCompoundingEntry(
  vault: string,
  publicKey: Uint8Array,
  signature: Uint8Array,
  amountGwei: bigint,
): Buffer {
  const withdrawalCredentials = credentialsOf(vault, 2);
  const root = depositDataRoot({ publicKey, withdrawalCredentials, amountGwei, signature });
  const amount = Buffer.alloc(8);
  amount.writeBigUInt64BE(amountGwei);
  return Buffer.concat([publicKey, signature, root, amount]);
}

/** The 56 bytes that withdraw so much from a validator; 0 for all of it. */
export function encodeWithdrawal(publicKey: Uint8Array, amountGwei: bigint): Buffer {
  const amount = Buffer.alloc(8);
  amount.writeBigUInt64BE(amountGwei);
  return Buffer.concat([publicKey, amount]);
}

/** An entry of a deposit_data.json, bare hex. */
export interface FileEntry {
  readonly pubkey: string;
  readonly signature: string;
}

/** Root of the tree over a vault's entries, as its contract proves them. */
export function depositTreeRoot(vault: string, entries: readonly FileEntry[]): string {
  const leaves = entries.map(({ pubkey, signature }, i): [Uint8Array, number] => [
    encodeEntry(vault, unhex(pubkey), unhex(signature)),
    i,
  ]);
  return StandardMerkleTree.of(leaves, ['bytes', 'uint256']).root;
}

function littleEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function sha256(left: Uint8Array, right: Uint8Array = new Uint8Array()): Buffer {
  return createHash('sha256').update(left).update(right).digest();
}
