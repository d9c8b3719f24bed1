import { keccak_256 } from '@noble/hashes/sha3.js';
import { getMultiProof, makeMerkleTree } from '@openzeppelin/merkle-tree/dist/core.js';
import { compareBytes, concatBytes, fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import type { DepositEntry } from '../consensus/deposit-data.ts';
import { depositDataEmpty, encodeValidator, hashLeaf } from './deposit-leaf.ts';

interface DepositMultiProof {
  readonly proof: readonly Hex[];
  readonly proofFlags: readonly boolean[];
  /** Deposit data indexes in leaf order: `proof_indexes` of the approval request. */
  readonly leafIndexes: readonly number[];
  /** Place of each requested index among the leaves: `indexes` of `registerValidators`. */
  readonly contractIndexes: readonly number[];
}

export interface DepositTree {
  /** 32 bytes; what the vault or the DepositDataRegistry stores. */
  readonly root: Uint8Array;
  /** All nodes, root first, as OpenZeppelin's library keeps them. */
  readonly nodes: readonly Hex[];
  /** The 176 bytes that register the entry at `index`: public key, signature, deposit data root. */
  validatorAt(index: number): Uint8Array;
  /** Proves that the entries at these indexes are in the tree. */
  proveEntries(indexes: readonly number[]): DepositMultiProof;
}

/**
 * The Merkle tree of a vault's deposit data, node for node OpenZeppelin's StandardMerkleTree over
 * `['bytes', 'uint256']` (stakewise.md §5). Deposit data roots are computed for this vault, not read.
 * @param vault - 20 bytes
 * @throws OperatorError 'deposit-data-empty' when there is nothing to build a tree of
 */
export function buildDepositTree(entries: readonly DepositEntry[], vault: Uint8Array): DepositTree {
  if (entries.length === 0) throw depositDataEmpty();
  // Flat, and numbers in typed arrays: an object for each of ten thousand entries takes 2 MB for as long as the tree lives.
  const validators = concatBytes(entries.map(entry => encodeValidator(entry, vault)));
  const length = validators.length / entries.length;
  const validatorAt = (index: number) => validators.subarray(index * length, (index + 1) * length);
  const leaves = entries
    .map((_, index) => ({ index, hash: hashLeaf(validatorAt(index), index) }))
    .sort((a, b) => compareBytes(a.hash, b.hash));
  // StandardMerkleTree itself encodes and compares by way of hex and bigint and takes 1 s for 10,000 entries; this is its
  // own core, with leaves hashed and sorted before and the same node hash over bytes.
  const nodes = makeMerkleTree(
    leaves.map(leaf => leaf.hash),
    (a, b) => hashNode(a as Node, b as Node),
  ) as Hex[];
  // Leaves stand at the end of the nodes, the first one last.
  const indexes = Uint32Array.from(leaves, leaf => leaf.index);
  const nodeOf = new Uint32Array(indexes.length);
  for (const [place, index] of indexes.entries()) nodeOf[index] = nodes.length - 1 - place;
  const requireEntry = (index: number) => {
    if (index in nodeOf) return index;
    throw new RangeError(`the deposit data has no entry ${index}`);
  };

  return {
    root: fromHex(nodes[0] ?? '', HASH_LENGTH),
    nodes,
    validatorAt: index => validatorAt(requireEntry(index)),
    proveEntries: requested => {
      const places = requested.map(index => nodeOf[requireEntry(index)] ?? 0);
      const { proof, proofFlags } = getMultiProof(nodes, [...places]);
      const descending = [...places].sort((a, b) => b - a);
      return {
        proof: proof as Hex[],
        proofFlags,
        leafIndexes: descending.map(place => indexes[nodes.length - 1 - place] ?? 0),
        contractIndexes: places.map(place => descending.indexOf(place)),
      };
    },
  };
}

type Node = Uint8Array | Hex;

function hashNode(left: Node, right: Node): Hex {
  const a = typeof left === 'string' ? Buffer.from(left.slice(2), 'hex') : left;
  const b = typeof right === 'string' ? Buffer.from(right.slice(2), 'hex') : right;
  return toHex(keccak_256(compareBytes(a, b) < 0 ? concatBytes([a, b]) : concatBytes([b, a])));
}
