import { compareBytes } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import {
  DEPOSIT_AMOUNT_GWEI,
  type DepositEntry,
  depositDataRoot,
  vaultCredentials,
} from '../consensus/deposit.ts';
import { Keccak256 } from './keccak.ts';

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

/** Hash tree root of the deposit of one entry, 32 bytes. */
export function depositRootAt({ validators }: DepositNodes, index: number): Uint8Array {
  return validators.subarray((index + 1) * VALIDATOR_LENGTH - HASH_LENGTH, (index + 1) * VALIDATOR_LENGTH);
}

/**
 * Every node of the Merkle tree of a vault's deposit data, as OpenZeppelin's StandardMerkleTree over `['bytes', 'uint256']` has
 * them (stakewise.md §5). That library encodes and compares by way of hex and bigint, and takes 1 s for 10,000 entries.
 * Deposit data roots are computed for this vault, not read.
 * @param vault - 20 bytes
 * @throws OperatorError 'deposit-data-empty' when there is nothing to build a tree of
 */
export function hashDeposits(entries: readonly DepositEntry[], vault: Uint8Array): DepositNodes {
  if (entries.length === 0) throw new OperatorError('deposit-data-empty', 'The deposit data has no entries.');
  const keccak = new Keccak256();
  const validators = encodeValidators(entries, vault);
  const leaves = hashLeaves(keccak, validators);
  const leafOrder = sortLeaves(leaves);
  const nodes = new Uint8Array((2 * entries.length - 1) * HASH_LENGTH);
  const view = new DataView(nodes.buffer);
  const nodeAt = (place: number) => nodes.subarray(place * HASH_LENGTH, (place + 1) * HASH_LENGTH);
  for (const [place, index] of leafOrder.entries()) {
    const leaf = leaves.subarray(index * HASH_LENGTH, (index + 1) * HASH_LENGTH);
    nodes.set(leaf, nodes.length - (place + 1) * HASH_LENGTH);
  }
  const pair = new Uint8Array(2 * HASH_LENGTH);
  for (let place = entries.length - 2; place >= 0; place--) {
    const left = nodeAt(2 * place + 1);
    const right = nodeAt(2 * place + 2);
    const isAscending = compareBytes(left, right) < 0;
    pair.set(isAscending ? left : right);
    pair.set(isAscending ? right : left, HASH_LENGTH);
    keccak.hashInto(pair, view, place * HASH_LENGTH);
  }
  return { nodes, leafOrder, validators };
}

function encodeValidators(entries: readonly DepositEntry[], vault: Uint8Array): Uint8Array {
  const validators = new Uint8Array(entries.length * VALIDATOR_LENGTH);
  const withdrawalCredentials = vaultCredentials(vault);
  for (const [index, { publicKey, signature }] of entries.entries()) {
    const offset = index * VALIDATOR_LENGTH;
    const deposit = { publicKey, signature, withdrawalCredentials, amountGwei: DEPOSIT_AMOUNT_GWEI };
    validators.set(publicKey, offset);
    validators.set(signature, offset + PUBLIC_KEY_LENGTH);
    validators.set(depositDataRoot(deposit), offset + PUBLIC_KEY_LENGTH + SIGNATURE_LENGTH);
  }
  return validators;
}

/** keccak256(keccak256(abi.encode(bytes, uint256))): offset of the bytes, index, length, the bytes padded to words. */
function hashLeaves(keccak: Keccak256, validators: Uint8Array): Uint8Array {
  const count = validators.length / VALIDATOR_LENGTH;
  const leaves = new Uint8Array(count * HASH_LENGTH);
  const view = new DataView(leaves.buffer);
  const encoded = new Uint8Array(96 + Math.ceil(VALIDATOR_LENGTH / 32) * 32);
  const words = new DataView(encoded.buffer);
  words.setUint32(28, 64);
  words.setUint32(92, VALIDATOR_LENGTH);
  for (let index = 0; index < count; index++) {
    words.setUint32(60, index);
    encoded.set(validators.subarray(index * VALIDATOR_LENGTH, (index + 1) * VALIDATOR_LENGTH), 96);
    const offset = index * HASH_LENGTH;
    keccak.hashInto(encoded, view, offset);
    keccak.hashInto(leaves.subarray(offset, offset + HASH_LENGTH), view, offset);
  }
  return leaves;
}

/** Places of the leaves in the order of their bytes. */
function sortLeaves(leaves: Uint8Array): Uint32Array {
  const view = new DataView(leaves.buffer);
  const order = Uint32Array.from({ length: leaves.length / HASH_LENGTH }, (_, index) => index);
  return order.sort((a, b) => {
    let difference = 0;
    for (let at = 0; difference === 0 && at < HASH_LENGTH; at += 4)
      difference = view.getUint32(a * HASH_LENGTH + at) - view.getUint32(b * HASH_LENGTH + at);
    return difference;
  });
}
