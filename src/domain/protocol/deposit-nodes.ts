import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { arrangeRecords, orderRecords } from '../../lib/record-table.ts';
import type { DepositEntry } from '../consensus/deposit.ts';
import { encodeValidator, hashLeaf, hashTree } from './deposit-leaf.ts';

/** What registers one entry: public key, signature, deposit data root. */
export const VALIDATOR_LENGTH = PUBLIC_KEY_LENGTH + SIGNATURE_LENGTH + HASH_LENGTH;

/** The hashes of a vault's deposit data, flat: an object for each of ten thousand entries takes more than its bytes. */
export interface DepositNodes {
  /** 32 bytes each, the root first; leaves at the end, the first one last. */
  readonly nodes: Uint8Array;
  /** Entries in the order of their leaves. */
  readonly leafOrder: Uint32Array;
  /** {@link VALIDATOR_LENGTH} bytes for each entry, in their order. */
  readonly validators: Uint8Array;
}

/** Root of the tree, 32 bytes; what the vault or the DepositDataRegistry stores. */
export function rootOf({ nodes }: DepositNodes): Uint8Array {
  return nodes.slice(0, HASH_LENGTH);
}

/**
 * Every node of the Merkle tree of a vault's deposit data, as OpenZeppelin's StandardMerkleTree over `['bytes', 'uint256']` has
 * them (stakewise.md §5). That library encodes and compares by way of hex and bigint, and takes 1 s for 10,000 entries.
 * Deposit data roots are computed for this vault, not read.
 * @param vault - 20 bytes
 * @throws OperatorError 'deposit-data-empty' when there is nothing to build a tree of
 */
export function hashDeposits(entries: readonly DepositEntry[], vault: Uint8Array): DepositNodes {
  const validators = new Uint8Array(entries.length * VALIDATOR_LENGTH);
  const leaves = new Uint8Array(entries.length * HASH_LENGTH);
  for (const [index, entry] of entries.entries()) {
    const validator = encodeValidator(entry, vault);
    validators.set(validator, index * VALIDATOR_LENGTH);
    leaves.set(hashLeaf(validator, index), index * HASH_LENGTH);
  }
  const leafOrder = orderRecords(leaves, HASH_LENGTH);
  return { nodes: hashTree(arrangeRecords(leaves, HASH_LENGTH, leafOrder)), leafOrder, validators };
}
