import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { Interface } from 'ethers/abi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HarvestParams } from '../../../../../src/domain/protocol/rewards.ts';
import { fromHex, toHex } from '../../../../../src/lib/bytes.ts';
import { fetchHarvestParams } from '../../../../../src/services/staking/harvest/fetch-harvest-params.ts';
import {
  type HarvestVaultOptions,
  harvestVault,
} from '../../../../../src/services/staking/harvest/harvest-vault.ts';
import type { TransactionIntent, TransactionOutcome } from '../../../../../src/transactions/transaction.ts';
import { type IpfsGateway, startIpfsGateway } from '../../../../devnet/ipfs-gateway.ts';
import { recordingLog } from '../../../../support/recording-log.ts';
import { TEST_VAULT } from '../../../../support/scenes/signing-fixtures.ts';

const CONSENSUS = -(10n ** 21n) - 1n;
const UNLOCKED = 4_567_890_123_456_789_013n;
const LOCKED = 10n ** 18n + 3n;
const OTHER = `0x${'11'.repeat(20)}`;
const vaultAbi = new Interface([
  'function updateState((bytes32 rewardsRoot, int160 reward, uint160 unlockedMevReward, bytes32[] proof) harvestParams)',
]);
const shared = { hasOwnMevEscrow: false, currency: 'ETH' };

let gateway: IpfsGateway;
let intents: TransactionIntent[];
let outcome: TransactionOutcome;
let canHarvest: boolean;
beforeEach(async () => {
  gateway = await startIpfsGateway();
  intents = [];
  outcome = { status: 'confirmed', hash: '0x01', blockNumber: 7 };
  canHarvest = true;
});
afterEach(() => gateway.stop());

/** The oracles' document of a vault with the shared MEV escrow, and the root that they have signed. */
async function publishRewards(vault = TEST_VAULT) {
  const tree = StandardMerkleTree.of(
    [
      [vault, CONSENSUS + UNLOCKED + LOCKED, UNLOCKED],
      [OTHER, 1n, 1n],
    ],
    ['address', 'int160', 'uint160'],
  );
  // Bare numbers of any size, as Python writes them.
  const document = `{"vaults": [{"vault": "${vault}", "consensus_reward": ${CONSENSUS}, "unlocked_mev_reward": ${UNLOCKED}, "locked_mev_reward": ${LOCKED}, "proof": ${JSON.stringify(tree.getProof(0))}}]}`;
  return { root: fromHex(tree.root, 32), ipfsHash: await gateway.add(document) };
}

function harvest(changes: Partial<HarvestVaultOptions>) {
  const { log } = recordingLog();
  const outbox = {
    send: async (intent: TransactionIntent) => {
      intents.push(intent);
      return outcome;
    },
  };
  return harvestVault(
    { http: {}, outbox, log, fetchCanHarvest: async () => canHarvest },
    {
      vault: TEST_VAULT,
      canHarvest,
      rewards: null,
      rules: shared,
      ipfs: { gateways: [gateway.url], timeoutMs: 3_000 },
      signal: new AbortController().signal,
      ...changes,
    },
  );
}

describe('a harvest', () => {
  it('harvestVault calls the vault with its proven part of the rewards, once per rewards update', async () => {
    const rewards = await publishRewards();
    expect(await harvest({ rewards })).toEqual({ status: 'harvested', hash: '0x01' });
    const [intent] = intents;
    expect(intent).toMatchObject({ kind: 'harvest', key: `harvest ${toHex(rewards.root)}`, to: TEST_VAULT });
    const [params] = vaultAbi.decodeFunctionData('updateState', intent?.data ?? '');
    expect(params.toObject()).toMatchObject({
      rewardsRoot: toHex(rewards.root),
      reward: CONSENSUS + UNLOCKED + LOCKED,
      unlockedMevReward: UNLOCKED,
    });
    expect(await intent?.isDone?.(0)).toBe(false);
    canHarvest = false;
    expect(await intent?.isDone?.(0)).toBe(true);
  });

  it('harvestVault sends and fetches nothing when the keeper says that there is nothing to harvest', async () => {
    const rewards = await publishRewards();
    expect(await harvest({ rewards, canHarvest: false })).toEqual({ status: 'nothing-to-harvest' });
    expect(await harvest({ rewards: null })).toEqual({ status: 'nothing-to-harvest' });
    expect([intents, gateway.requests]).toEqual([[], []]);
  });

  it('harvestVault waits for rewards of the vault', async () => {
    const rewards = await publishRewards(`0x${'33'.repeat(20)}`);
    expect(await harvest({ rewards })).toMatchObject({
      status: 'waiting',
      waitsFor: expect.stringContaining(rewards.ipfsHash),
    });
    expect(intents).toEqual([]);
  });

  it.each<TransactionOutcome>([
    { status: 'would-revert', reason: 'HarvestFailed', data: undefined },
    { status: 'reverted', hash: '0x01', reason: 'HarvestFailed' },
  ])(
    'harvestVault fails when the vault refuses, so that it is told and not tried at once again: %o',
    async given => {
      outcome = given;
      await expect(harvest({ rewards: await publishRewards() })).rejects.toMatchObject({
        code: 'harvest-refused',
        retryable: true,
        message: expect.stringContaining('HarvestFailed'),
      });
    },
  );

  it.each<TransactionOutcome>([
    { status: 'already-done' },
    { status: 'cancelled', hash: undefined },
    { status: 'expired' },
  ])('harvestVault leaves all to the next round when its transaction ends as %o', async given => {
    outcome = given;
    expect(await harvest({ rewards: await publishRewards() })).toMatchObject({ status: 'restarted' });
  });

  it.each([
    [
      'the vault has another MEV escrow than the oracles reckoned with',
      { rules: { ...shared, hasOwnMevEscrow: true } },
    ],
    ['the root is another', { root: new Uint8Array(32) }],
  ])(
    'harvestVault sends nothing when %s',
    async (_, { root, ...changes }: { root?: Uint8Array } & Partial<HarvestVaultOptions>) => {
      const rewards = await publishRewards();
      await expect(
        harvest({ rewards: { ...rewards, ...(root && { root }) }, ...changes }),
      ).rejects.toMatchObject({
        code: 'rewards-proof-invalid',
        message: expect.stringContaining(TEST_VAULT),
      });
      expect(intents).toEqual([]);
    },
  );

  it('harvestVault sends nothing when the gateway serves another document', async () => {
    const rewards = await publishRewards();
    gateway.fault = 'wrong-bytes';
    await expect(harvest({ rewards })).rejects.toMatchObject({ code: 'ipfs-document-unproven' });
    expect(intents).toEqual([]);
  });
});

it('fetchHarvestParams fetches the same rewards once, and other ones again', async () => {
  const cache = new Map<string, HarvestParams | null>();
  const fetch = (rewards: { root: Uint8Array; ipfsHash: string }) =>
    fetchHarvestParams(
      { http: {}, cache },
      { vault: TEST_VAULT, rewards, rules: shared, ipfs: { gateways: [gateway.url], timeoutMs: 3_000 } },
    );
  const [mine, none] = [await publishRewards(), await publishRewards(`0x${'33'.repeat(20)}`)];
  const first = await fetch(mine);
  expect(first?.unlockedMevRewardWei).toBe(UNLOCKED);
  const asked = gateway.requests.length;
  expect(await fetch(mine)).toBe(first);
  expect(gateway.requests).toHaveLength(asked);
  expect(await fetch(none)).toBeNull();
  expect(await fetch(none)).toBeNull();
  expect(gateway.requests).toHaveLength(2 * asked);
  expect(cache.size).toBe(1);
});
