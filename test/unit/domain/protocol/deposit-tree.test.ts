import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { describe, expect, it } from 'vitest';
import { parseDepositData } from '../../../../src/domain/consensus/deposit-data.ts';
import { hashDeposits, rootOf } from '../../../../src/domain/protocol/deposit-nodes.ts';
import { buildDepositTree } from '../../../../src/domain/protocol/deposit-tree.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecorded, readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedTrees {
  vault: string;
  trees: {
    n: number;
    deposit_data: unknown[];
    root: string;
    tree: string[] | null;
    batches: {
      batch: number[];
      tx_validators: string[];
      contract_indexes: number[];
      proof: string[];
      proof_flags: boolean[];
      oracle_proof_indexes: number[];
    }[];
  }[];
}

const recorded = readRecordedJson<RecordedTrees>('02-merkle/trees.json');
const VAULT = fromHex(recorded.vault);

describe('deposit data tree', () => {
  it.each(recorded.trees)(
    'buildDepositTree makes the recorded tree and proofs of $n entries',
    ({ deposit_data, root, tree: nodes, batches }) => {
      const tree = buildDepositTree(parseDepositData(JSON.stringify(deposit_data)), VAULT);
      expect(toHex(tree.root)).toBe(root);
      if (nodes !== null) expect(tree.nodes).toEqual(nodes);
      expect(batches.length).toBeGreaterThan(0);
      for (const {
        batch,
        tx_validators,
        contract_indexes,
        proof,
        proof_flags,
        oracle_proof_indexes,
      } of batches) {
        expect(batch.map(index => toHex(tree.validatorAt(index)))).toEqual(tx_validators);
        expect(tree.proveEntries(batch)).toEqual({
          proof,
          proofFlags: proof_flags,
          leafIndexes: oracle_proof_indexes,
          contractIndexes: contract_indexes,
        });
      }
    },
  );

  it.each([
    ['get-validators-root-first5.out', 'holesky/1-after-first'],
    ['get-validators-root.out', 'holesky/2-after-second'],
  ])('buildDepositTree gives the root of %s', (out, folder) => {
    const [, root] = /tree root: (0x[0-9a-f]{64})/.exec(readRecorded(`01-create-keys/holesky/${out}`)) ?? [];
    const entries = parseDepositData(readRecorded(`01-create-keys/${folder}/deposit_data.json`));
    expect(toHex(buildDepositTree(entries, VAULT).root)).toBe(root);
    expect(toHex(rootOf(hashDeposits(entries, VAULT)))).toBe(root);
  });

  it('buildDepositTree makes node for node OpenZeppelin’s own tree, and its proofs hold there', () => {
    const entries = Array.from({ length: 137 }, (_, i) => ({
      publicKey: new Uint8Array(48).fill(i),
      signature: new Uint8Array(96).fill(255 - i),
    }));
    const tree = buildDepositTree(entries, VAULT);
    const values = entries.map((_, i): [string, bigint] => [toHex(tree.validatorAt(i)), BigInt(i)]);
    const reference = StandardMerkleTree.of(values, ['bytes', 'uint256']);
    expect(tree.nodes).toEqual(reference.dump().tree);
    const proven = tree.proveEntries([3, 99, 4, 136]);
    const leaves = proven.leafIndexes.map(index => values[index] ?? expect.fail());
    const { proof, proofFlags } = proven;
    expect(
      StandardMerkleTree.verifyMultiProof(toHex(tree.root), ['bytes', 'uint256'], {
        leaves,
        proof: [...proof],
        proofFlags: [...proofFlags],
      }),
    ).toBe(true);
    expect(proven.contractIndexes.map(place => proven.leafIndexes[place])).toEqual([3, 99, 4, 136]);
  });

  it('buildDepositTree gives another root for another vault or order, and refuses what is not there', () => {
    const entries = parseDepositData(readRecorded('01-create-keys/holesky/1-after-first/deposit_data.json'));
    const root = toHex(buildDepositTree(entries, VAULT).root);
    expect(toHex(buildDepositTree(entries, new Uint8Array(20)).root)).not.toBe(root);
    expect(toHex(buildDepositTree(entries.toReversed(), VAULT).root)).not.toBe(root);
    expect(() => buildDepositTree([], VAULT)).toThrowError(
      expect.objectContaining({ code: 'deposit-data-empty' }),
    );
    expect(() => buildDepositTree(entries, VAULT).proveEntries([5])).toThrow(RangeError);
    expect(() => buildDepositTree(entries, VAULT).validatorAt(5)).toThrow(RangeError);
  });
});
