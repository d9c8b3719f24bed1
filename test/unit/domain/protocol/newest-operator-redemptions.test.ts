import { SimpleMerkleTree, StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { describe, expect, it } from 'vitest';
import {
  assignRedemptions,
  hashPosition,
  osTokenAssetsWei,
  osTokenShares,
  parseRedeemablePositions,
  proveRedeemablePositions,
} from '../../../../src/domain/protocol/redemption-reserve.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readNewestVectors, type Whole } from '../../../support/recorded/newest-vectors.ts';

const vectors = readNewestVectors<{
  readonly os_token_converter: readonly Readonly<
    Record<'total_assets' | 'total_shares' | 'amount' | 'to_shares' | 'to_assets', Whole>
  >[];
  readonly positions: readonly (Readonly<Record<'owner' | 'vault' | 'leaf_shares', string>> &
    Readonly<Record<string, string>>)[];
  readonly multi_proofs: readonly {
    readonly contract_nonce: Whole;
    readonly leaf_nonce: Whole;
    readonly root: string;
    readonly proof: readonly string[];
    readonly proof_flags: readonly boolean[];
    /** Nonce, vault, shares, owner. */
    readonly leaves_order: readonly (readonly [string, string, string, string])[];
  }[];
  readonly assign_shares: readonly {
    readonly budget_shares: Whole;
    readonly positions: readonly Readonly<Record<'index' | 'leaf_shares' | 'processed_shares', Whole>>[];
    readonly assigned: readonly Readonly<Record<'index' | 'shares_to_redeem', Whole>>[];
  }[];
}>('redemptions');

/** The positions as they come from IPFS. */
const positions = parseRedeemablePositions(
  new TextEncoder().encode(
    JSON.stringify(vectors.positions.map(({ owner, vault, leaf_shares }) => ({ owner, vault, leaf_shares }))),
  ),
);

describe('redemptions.json', () => {
  it.each(vectors.os_token_converter)(
    'osToken of $total_shares shares and $total_assets wei: $amount are $to_assets wei, or $to_shares shares',
    one => {
      const rate = { totalAssetsWei: BigInt(one.total_assets), totalShares: BigInt(one.total_shares) };
      expect(osTokenAssetsWei(BigInt(one.amount), rate)).toBe(BigInt(one.to_assets));
      expect(osTokenShares(BigInt(one.amount), rate)).toBe(BigInt(one.to_shares));
    },
  );

  it('hashPosition gives the recorded leaf of each position, for each nonce', () => {
    for (const [place, recorded] of vectors.positions.entries()) {
      const hashes = Object.entries(recorded).flatMap(([name, hash]) => {
        const nonce = /^leaf_hash_contract_nonce_(\d+)$/.exec(name)?.[1];
        return nonce === undefined ? [] : [{ nonce: BigInt(nonce), hash }];
      });
      expect(hashes.length).toBeGreaterThan(0);
      const position = positions[place];
      if (position === undefined) throw new Error('a position is missing');
      for (const { nonce, hash } of hashes) expect(toHex(hashPosition(position, nonce - 1n))).toBe(hash);
    }
  });

  it.each(vectors.multi_proofs)(
    'the recorded proof leads from the leaves of the recorded positions to the root of the nonce $contract_nonce: $root',
    one => {
      const chosen = one.leaves_order.map(([leafNonce, vault, shares, owner]) => {
        expect(BigInt(leafNonce)).toBe(BigInt(one.leaf_nonce));
        expect(BigInt(leafNonce)).toBe(BigInt(one.contract_nonce) - 1n);
        const position = {
          vault: fromHex(vault, 20),
          owner: fromHex(owner, 20),
          leafShares: BigInt(shares),
        };
        return toHex(hashPosition(position, BigInt(leafNonce)));
      });
      const multiProof = { leaves: chosen, proof: [...one.proof], proofFlags: [...one.proof_flags] };
      expect(SimpleMerkleTree.verifyMultiProof(one.root, multiProof)).toBe(true);
    },
  );

  it.each(vectors.multi_proofs)(
    'proveRedeemablePositions believes the recorded positions by the root of all of them only, at the nonce $contract_nonce',
    one => {
      const nonce = BigInt(one.contract_nonce);
      const tree = StandardMerkleTree.of(
        vectors.positions.map(({ owner, vault, leaf_shares }) => [nonce - 1n, vault, leaf_shares, owner]),
        ['uint256', 'address', 'uint256', 'address'],
      );
      const prove = (root: string) => proveRedeemablePositions(positions, { nonce, root: fromHex(root, 32) });
      expect(prove(tree.root).map(toHex)).toEqual(
        positions.map(position => toHex(hashPosition(position, nonce - 1n))),
      );
      // Some of the positions that the recorded tree is made of may be missing in the file.
      if (tree.root !== one.root) {
        expect(() => prove(one.root)).toThrow(
          expect.objectContaining({ code: 'redeemable-positions-invalid' }),
        );
      }
    },
  );

  it.each(vectors.assign_shares.map((one, place) => ({ ...one, place })))(
    'assignRedemptions takes $budget_shares shares so of the positions of case $place',
    one => {
      const assigned = assignRedemptions(
        one.positions.map(({ leaf_shares, processed_shares }) => ({
          leafShares: BigInt(leaf_shares),
          processedShares: BigInt(processed_shares),
        })),
        BigInt(one.budget_shares),
      );
      const indexOf = (place: number) => BigInt(one.positions[place]?.index ?? -1);
      expect(assigned.map(({ index, shares }) => [indexOf(index), shares])).toEqual(
        one.assigned.map(({ index, shares_to_redeem }) => [BigInt(index), BigInt(shares_to_redeem)]),
      );
    },
  );
});
