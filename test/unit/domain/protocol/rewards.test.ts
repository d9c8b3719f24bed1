import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { describe, expect, it } from 'vitest';
import {
  encodeUpdateState,
  type HarvestParams,
  harvestParamsOf,
  isProvenReward,
  parseVaultRewards,
} from '../../../../src/domain/protocol/rewards.ts';
import { fromHex } from '../../../../src/lib/bytes.ts';
import { readOracleRequests } from '../../../support/recorded/recorded-oracles.ts';
import { readRecorded } from '../../../support/recorded/vectors.ts';

const { vault, calls } = readOracleRequests('harvest');
const other = `0x${'11'.repeat(20)}`;
const shared = { hasOwnMevEscrow: false, currency: 'ETH' };
const own = { hasOwnMevEscrow: true, currency: 'ETH' };
const encode = (text: string) => new TextEncoder().encode(text);

/** The recorded document as it was served: its numbers have more digits than a double keeps. */
function recordedDocument(): { root: Uint8Array; document: Uint8Array } {
  const text = readRecorded('07-oracle-requests/inputs/harvest.json');
  const rewards = text.slice(text.indexOf('"rewards": '));
  const document = /"doc": (\{.*?\]\}\]\})/s.exec(rewards)?.[1] ?? '';
  return { root: fromHex(/"root": "(0x\w{64})"/.exec(rewards)?.[1] ?? '', 32), document: encode(document) };
}

const { root, document } = recordedDocument();
const rewards = parseVaultRewards(document, vault);
if (rewards === null) throw new Error('the recorded document has no entry of the vault');

describe('the rewards document', () => {
  it('parseVaultRewards reads amounts exactly that have more digits than a double keeps', () => {
    expect(rewards).toMatchObject({
      consensusRewardWei: -123456789012345678901n,
      unlockedMevRewardWei: 4567890123456789012n,
      lockedMevRewardWei: 1000000000000000001n,
    });
    expect(rewards.proof).toHaveLength(3);
  });

  it('parseVaultRewards takes a document without the vault, and entries of others that cannot be read', () => {
    expect(parseVaultRewards(document, other)).toBeNull();
    const strange = encode(
      `{"vaults": [{"vault": "${other}", "consensus_reward": 1.5}, {"vault": "${vault.toUpperCase().replace('0X', '0x')}", "consensus_reward": 7, "unlocked_mev_reward": 0, "proof": []}], "more": 1e400}`,
    );
    expect(parseVaultRewards(strange, vault)).toEqual({
      consensusRewardWei: 7n,
      unlockedMevRewardWei: 0n,
      lockedMevRewardWei: 0n,
      proof: [],
    });
  });

  it.each([
    ['no JSON', '<html>', 'rewards-unparsable', 'not JSON'],
    ['no list', '{"vaults": {}}', 'rewards-invalid', 'vaults'],
    ['a fraction', entry('"consensus_reward": 1.5'), 'rewards-invalid', 'consensus_reward'],
    ['an exponent', entry('"consensus_reward": 1e18'), 'rewards-invalid', 'consensus_reward'],
    ['text for a number', entry('"consensus_reward": "1"'), 'rewards-invalid', 'consensus_reward'],
    ['a member missing', entry('"reward": 1'), 'rewards-invalid', 'consensus_reward'],
    ['a negative MEV', entry('"consensus_reward": 1', -1), 'rewards-invalid', 'unlocked_mev_reward'],
    ['a short proof', entry('"consensus_reward": 1', 1, '"0x12"'), 'rewards-invalid', 'proof'],
  ])('parseVaultRewards refuses a document with %s', (_, text, code, member) => {
    expect(() => parseVaultRewards(encode(text), vault)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(member) }),
    );
  });
});

function entry(reward: string, unlocked = 0, proof = ''): string {
  return `{"vaults": [{"vault": "${vault}", ${reward}, "unlocked_mev_reward": ${unlocked}, "proof": [${proof}]}]}`;
}

describe('the harvest', () => {
  it('encodeUpdateState gives the recorded call for a vault with the shared MEV escrow', () => {
    const params = harvestParamsOf(root, rewards, shared);
    expect(params.rewardWei).toBe(-117888898888888889888n);
    const recorded = calls.at(-1)?.tx;
    expect(encodeUpdateState(params)).toBe(recorded?.data);
    expect(recorded?.to).toBe(vault);
  });

  it('harvestParamsOf counts the consensus reward only for a vault with its own MEV escrow', () => {
    expect(harvestParamsOf(root, rewards, own)).toMatchObject({
      rewardWei: -123456789012345678901n,
      unlockedMevRewardWei: 0n,
    });
  });

  it('harvestParamsOf keeps xDAI out of the reward on Gnosis, which is in GNO', () => {
    expect(harvestParamsOf(root, rewards, { ...shared, currency: 'xDAI' })).toMatchObject({
      rewardWei: -123456789012345678901n,
      unlockedMevRewardWei: 4567890123456789012n,
    });
  });
});

describe('the proof of rewards', () => {
  const amounts: [string, bigint, bigint][] = [
    [vault, -123456789012345678901n, 5n],
    [other, 2n ** 100n, 0n],
    [`0x${'22'.repeat(20)}`, 1n, 1n],
  ];
  const tree = StandardMerkleTree.of(amounts, ['address', 'int160', 'uint160']);
  const params: HarvestParams = {
    rewardsRoot: fromHex(tree.root, 32),
    rewardWei: -123456789012345678901n,
    unlockedMevRewardWei: 5n,
    proof: tree.getProof(0).map(node => fromHex(node, 32)),
  };

  it('isProvenReward is true of what the oracles put into the tree', () => {
    expect(isProvenReward(vault, params)).toBe(true);
  });

  it.each([
    ['another vault', other, params],
    ['another reward', vault, { ...params, rewardWei: -123456789012345678900n }],
    ['another MEV reward', vault, { ...params, unlockedMevRewardWei: 6n }],
    ['another root', vault, { ...params, rewardsRoot: new Uint8Array(32) }],
    ['no proof', vault, { ...params, proof: [] }],
    ['an amount out of range', vault, { ...params, rewardWei: 2n ** 200n }],
  ])('isProvenReward is false of %s', (_, address, changed) => {
    expect(isProvenReward(address, changed)).toBe(false);
  });
});
