import { getMultiProof } from '@openzeppelin/merkle-tree/dist/core.js';
import { type Hex, toHex } from '../../lib/bytes.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import type { DepositEntry } from '../consensus/deposit.ts';
import { hashDeposits, VALIDATOR_LENGTH } from './deposit-nodes.ts';

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
 * The Merkle tree of a vault's deposit data, with proofs; {@link hashDeposits} makes its nodes.
 * @param vault - 20 bytes
 * @throws OperatorError 'deposit-data-empty' when there is nothing to build a tree of
 */
export function buildDepositTree(entries: readonly DepositEntry[], vault: Uint8Array): DepositTree {
  const { nodes: flat, leafOrder, validators } = hashDeposits(entries, vault);
  const nodes = Array.from({ length: flat.length / HASH_LENGTH }, (_, place) =>
    toHex(flat.subarray(place * HASH_LENGTH, (place + 1) * HASH_LENGTH)),
  );
  const nodeOf = new Uint32Array(leafOrder.length);
  for (const [place, index] of leafOrder.entries()) nodeOf[index] = nodes.length - 1 - place;
  const requireEntry = (index: number) => {
    if (index in nodeOf) return index;
    throw new RangeError(`the deposit data has no entry ${index}`);
  };

  return {
    root: flat.slice(0, HASH_LENGTH),
    nodes,
    validatorAt: index => {
      const offset = requireEntry(index) * VALIDATOR_LENGTH;
      return validators.subarray(offset, offset + VALIDATOR_LENGTH);
    },
    proveEntries: requested => {
      const places = requested.map(index => nodeOf[requireEntry(index)] ?? 0);
      const { proof, proofFlags } = getMultiProof(nodes, [...places]);
      const descending = [...places].sort((a, b) => b - a);
      return {
        proof: proof as Hex[],
        proofFlags,
        leafIndexes: descending.map(place => leafOrder[nodes.length - 1 - place] ?? 0),
        contractIndexes: places.map(place => descending.indexOf(place)),
      };
    },
  };
}
