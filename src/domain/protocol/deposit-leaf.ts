import { compareBytes, concatBytes } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { keccak256 } from '../../lib/keccak.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import { type DepositEntry, depositDataRoot, depositOfVault } from '../consensus/deposit.ts';

/** What registers a validator, and what the leaf of its deposit is made of: public key, signature, deposit data root. */
export function encodeValidator(entry: DepositEntry, vault: Uint8Array): Uint8Array {
  return concatBytes([entry.publicKey, entry.signature, depositDataRoot(depositOfVault(entry, vault))]);
}

/** keccak256(keccak256(abi.encode(bytes, uint256))): offset of the bytes, index, length, the bytes padded to words. */
export function hashLeaf(validator: Uint8Array, index: number): Uint8Array {
  const encoded = new Uint8Array(96 + Math.ceil(validator.length / 32) * 32);
  const view = new DataView(encoded.buffer);
  view.setUint32(28, 64);
  view.setUint32(60, index);
  view.setUint32(92, validator.length);
  encoded.set(validator, 96);
  return keccak256(keccak256(encoded));
}

/**
 * Every node of the Merkle tree of a vault's deposit data, of the hashes of its leaves.
 * @param leaves - 32 bytes each, sorted
 * @returns 32 bytes each, as OpenZeppelin's library keeps a tree: the root first, the children of node i at 2i + 1 and 2i + 2,
 *   the first leaf last
 * @throws OperatorError 'deposit-data-empty' when there are none
 */
export function hashTree(leaves: Uint8Array): Uint8Array {
  const count = leaves.length / HASH_LENGTH;
  if (count === 0) throw depositDataEmpty();
  const nodes = new Uint8Array((2 * count - 1) * HASH_LENGTH);
  const nodeAt = (i: number) => nodes.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH);
  for (let i = 0; i < count; i++) {
    nodeAt(2 * count - 2 - i).set(leaves.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH));
  }
  const pair = new Uint8Array(2 * HASH_LENGTH);
  for (let i = count - 2; i >= 0; i--) {
    const left = nodeAt(2 * i + 1);
    const right = nodeAt(2 * i + 2);
    const isAscending = compareBytes(left, right) < 0;
    pair.set(isAscending ? left : right);
    pair.set(isAscending ? right : left, HASH_LENGTH);
    nodeAt(i).set(keccak256(pair));
  }
  return nodes;
}

function depositDataEmpty(): OperatorError {
  return new OperatorError('deposit-data-empty', 'The deposit data has no entries.');
}
