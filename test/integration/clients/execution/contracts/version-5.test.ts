import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchHead, fetchHeader } from '../../../../../src/clients/execution/block-headers.ts';
import {
  fetchProcessedShares,
  fetchRedeemerState,
} from '../../../../../src/clients/execution/contracts/os-token-redeemer.ts';
import { fetchMissingAssets } from '../../../../../src/clients/execution/contracts/validators-checker.ts';
import {
  findLastVaultEvent,
  findVaultEvents,
  type VaultEventName,
  walkVaultEvents,
} from '../../../../../src/clients/execution/contracts/vault-events.ts';
import {
  fetchTrackedValidators,
  fetchVaultV5State,
  fetchWithdrawableAssets,
} from '../../../../../src/clients/execution/contracts/vault-v5.ts';
import { requireSameBlock } from '../../../../../src/clients/execution/same-block.ts';
import type { HarvestParams } from '../../../../../src/domain/protocol/rewards.ts';
import { toHex } from '../../../../../src/lib/bytes.ts';
import {
  connectViews,
  startVersion5Views,
  type Version5Views,
} from '../../../../support/scenes/version-5-views.ts';
import { startServer } from '../../../../support/servers/http-server.ts';

const MANAGER = '0xA1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1';
const HARVEST: HarvestParams = {
  rewardsRoot: new Uint8Array(32).fill(1),
  rewardWei: 30n,
  unlockedMevRewardWei: 0n,
  proof: [],
};
const REFUSED: HarvestParams = { ...HARVEST, rewardsRoot: new Uint8Array(32) };
const key = (n: number) => {
  const bytes = new Uint8Array(48).fill(n & 0xff);
  bytes[1] = n >> 8;
  return bytes;
};

let views: Version5Views;
let vault: string;
beforeAll(async () => {
  views = await startVersion5Views();
  vault = views.addresses.ViewedVault;
});
afterAll(() => views[Symbol.asyncDispose]());

const where = (blockNumber: number) => ({ multicall: views.addresses.ViewedMulticall, blockNumber });

describe('a vault of version 5', () => {
  it('fetchVaultV5State reads exit queue, manager, nonce and the keeper as of one block', async () => {
    const refs = { vault, keeper: views.addresses.ViewedKeeper };
    await views.send('ViewedVault', 'set', MANAGER, 4n, 1_000n);
    const before = await views.send('ViewedVault', 'setQueue', [10n, 20n, 30n, 40n], 50n);
    const after = await views.send('ViewedKeeper', 'collateralize', vault);
    const state = {
      exitQueue: {
        queuedShares: 10n,
        unclaimedAssetsWei: 20n,
        totalExitingTickets: 30n,
        totalExitingAssetsWei: 40n,
        totalTickets: 50n,
      },
      validatorsManager: MANAGER,
      validatorsManagerNonce: 4n,
      isCollateralized: false,
    };
    expect(await fetchVaultV5State(views.node, refs, where(before))).toEqual(state);
    expect(await fetchVaultV5State(views.node, refs, where(after))).toEqual({
      ...state,
      isCollateralized: true,
    });
  });

  it('fetchVaultV5State and fetchTrackedValidators refuse a contract that is no vault of version 5', async () => {
    const refs = { vault: views.addresses.ViewedController, keeper: views.addresses.ViewedKeeper };
    const here = where(await views.blockNumber());
    await expect(fetchVaultV5State(views.node, refs, here)).rejects.toMatchObject({
      code: 'contract-call-failed',
    });
    await expect(fetchTrackedValidators(views.node, refs.vault, [key(1)], here)).rejects.toMatchObject({
      code: 'contract-call-failed',
    });
  });

  it('fetchTrackedValidators tells by the vault which keys take top-ups, a thousand to a call', async () => {
    const tracked = [key(3), key(1_500), key(2_049)];
    let blockNumber = 0;
    for (const publicKey of tracked) {
      blockNumber = await views.send('ViewedVault', 'registerV2', publicKey, 1n);
    }
    const keys = Array.from({ length: 2_050 }, (_, i) => key(i));
    let calls = 0;
    await using proxy = await startServer(async ({ body }) => {
      calls += body.split('"eth_call"').length - 1;
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(views.rpcUrl, { method: 'POST', body, headers });
      return { body: await answer.text() };
    });
    const node = await connectViews(proxy.url);
    try {
      const answers = await fetchTrackedValidators(node, vault, keys, where(blockNumber));
      expect(answers.flatMap((isTracked, i) => (isTracked ? [i] : []))).toEqual([3, 1_500, 2_049]);
      expect(answers).toHaveLength(2_050);
      expect(calls).toBe(3);
      expect(await fetchTrackedValidators(node, vault, [], where(blockNumber))).toEqual([]);
    } finally {
      node.destroy();
    }
  });

  it('fetchWithdrawableAssets reads assets as of a block, before and after a harvest', async () => {
    await views.send('ViewedVault', 'setQueue', [10n, 20n, 30n, 40n], 50n);
    const blockNumber = await views.send('ViewedVault', 'set', MANAGER, 4n, 1_000n);
    await views.send('ViewedVault', 'set', MANAGER, 4n, 5n);
    // Two assets a share: 10 · 2 + 40 + 20 are owed.
    expect(await fetchWithdrawableAssets(views.node, vault, { harvest: null, blockNumber })).toBe(920n);
    expect(await fetchWithdrawableAssets(views.node, vault, { harvest: HARVEST, blockNumber })).toBe(950n);
    const refused = fetchWithdrawableAssets(views.node, vault, { harvest: REFUSED, blockNumber });
    await expect(refused).rejects.toMatchObject({ code: 'contract-call-failed' });
    const nobody = fetchWithdrawableAssets(views.node, MANAGER, { harvest: null, blockNumber });
    await expect(nobody).rejects.toMatchObject({ code: 'contract-call-failed' });
  });
});

describe('the validators checker', () => {
  const ask = async (changes: Partial<Parameters<typeof fetchMissingAssets>[1]>) =>
    fetchMissingAssets(views.node, {
      checker: views.addresses.ViewedChecker,
      vault,
      blockNumber: await views.blockNumber(),
      harvest: null,
      comingInWei: 0n,
      redemptionWei: 0n,
      ...changes,
    });

  it('fetchMissingAssets asks for the tickets of the whole queue, and counts what is coming in', async () => {
    await views.send('ViewedVault', 'setQueue', [100n, 20n, 30n, 60n], 50n);
    await views.send('ViewedVault', 'set', MANAGER, 0n, 120n);
    // 60 of the old queue and 100 shares of two assets; 120 − 20 are there.
    expect(await ask({})).toBe(160n);
    expect(await ask({ comingInWei: 7n })).toBe(153n);
    expect(await ask({ redemptionWei: 11n })).toBe(171n);
    expect(await ask({ comingInWei: 1_000n })).toBe(0n);
    expect(await ask({ harvest: HARVEST })).toBe(130n);
  });

  it('fetchMissingAssets reads as of the block that is asked for', async () => {
    await views.send('ViewedVault', 'setQueue', [100n, 0n, 0n, 0n], 0n);
    const blockNumber = await views.send('ViewedVault', 'set', MANAGER, 0n, 0n);
    await views.send('ViewedVault', 'set', MANAGER, 0n, 500n);
    expect(await ask({ blockNumber })).toBe(200n);
    expect(await ask({})).toBe(0n);
  });

  it('fetchMissingAssets names a harvest that reverts, another contract, and none', async () => {
    await expect(ask({ harvest: REFUSED })).rejects.toMatchObject({
      code: 'contract-call-failed',
      message: expect.stringContaining('getExitQueueCumulativeTickets of the validators checker'),
    });
    await expect(ask({ checker: views.addresses.ViewedController })).rejects.toMatchObject({
      code: 'contract-call-failed',
    });
    await expect(ask({ checker: MANAGER })).rejects.toMatchObject({ code: 'contract-call-failed' });
  });
});

describe('the redeemer of osToken', () => {
  it('fetchRedeemerState reads redeemer and controller as of one block', async () => {
    const contracts = {
      osTokenRedeemer: views.addresses.ViewedRedeemer,
      osTokenVaultController: views.addresses.ViewedController,
    };
    const fresh = where(await views.blockNumber());
    const controller = { totalAssetsWei: 1_000n * 10n ** 18n, totalShares: 900n * 10n ** 18n };
    expect(await fetchRedeemerState(views.node, contracts, fresh)).toEqual({
      nonce: 0n,
      positionsRoot: new Uint8Array(32),
      positionsIpfsHash: '',
      queuedShares: 0n,
      ...controller,
    });
    const root = new Uint8Array(32).fill(9);
    const later = where(await views.send('ViewedRedeemer', 'set', 3n, 77n, root, 'bafy'));
    expect(await fetchRedeemerState(views.node, contracts, later)).toEqual({
      nonce: 3n,
      positionsRoot: root,
      positionsIpfsHash: 'bafy',
      queuedShares: 77n,
      ...controller,
    });
    expect((await fetchRedeemerState(views.node, contracts, fresh)).nonce).toBe(0n);
    const wrong = { ...contracts, osTokenRedeemer: contracts.osTokenVaultController };
    await expect(fetchRedeemerState(views.node, wrong, later)).rejects.toMatchObject({
      code: 'contract-call-failed',
    });
  });

  it('fetchProcessedShares reads the shares of each leaf in the order of the leaves', async () => {
    const leaves = Array.from({ length: 1_001 }, (_, i) => {
      const leaf = new Uint8Array(32);
      new DataView(leaf.buffer).setUint32(28, i);
      return leaf;
    });
    await views.send('ViewedRedeemer', 'process', leaves[0], 5n);
    const here = where(await views.send('ViewedRedeemer', 'process', leaves[1_000], 2n ** 255n));
    const shares = await fetchProcessedShares(views.node, views.addresses.ViewedRedeemer, leaves, here);
    expect(shares).toHaveLength(1_001);
    expect([shares[0], shares[1], shares[1_000]]).toEqual([5n, 0n, 2n ** 255n]);
  });
});

describe('events of a vault', () => {
  it('findVaultEvents and walkVaultEvents tell what a vault has done, in order, and where to go on', async () => {
    const first = await views.send('ViewedVault', 'register', key(1));
    await views.send('ViewedVault', 'registerV2', key(2), 33n);
    await views.send('ViewedVault', 'fund', key(2), 44n);
    await views.send('ViewedVault', 'withdraw', key(1), 0n);
    const last = await views.send('ViewedVault', 'withdraw', key(2), 55n);
    const search = (...names: VaultEventName[]) => ({ vault, names, fromBlock: first, toBlock: last });
    const all = search(
      'ValidatorRegistered',
      'V2ValidatorRegistered',
      'ValidatorFunded',
      'ValidatorWithdrawalSubmitted',
    );
    const found = await findVaultEvents(views.node, all);
    expect(found.map(({ name, publicKey, amountWei }) => [name, publicKey[0], amountWei])).toEqual([
      ['ValidatorRegistered', 1, null],
      ['V2ValidatorRegistered', 2, 33n],
      ['ValidatorFunded', 2, 44n],
      ['ValidatorWithdrawalSubmitted', 1, 0n],
      ['ValidatorWithdrawalSubmitted', 2, 55n],
    ]);
    expect(found.map(({ blockNumber }) => blockNumber - first)).toEqual([0, 1, 2, 3, 4]);
    expect(await findVaultEvents(views.node, search('ValidatorFunded'))).toEqual([found[2]]);
    expect(await findLastVaultEvent(views.node, search('ValidatorWithdrawalSubmitted'))).toEqual(found[4]);
    const early = { ...search('ValidatorWithdrawalSubmitted'), toBlock: first + 2 };
    expect(await findLastVaultEvent(views.node, early)).toBeNull();
    const windows: number[] = [];
    for await (const { toBlock } of walkVaultEvents(views.node, all)) windows.push(toBlock);
    expect(windows.at(-1)).toBe(last);
  });

  it('an event with a key of another length is no answer', async () => {
    const block = await views.send('ViewedVault', 'fund', new Uint8Array(47), 1n);
    const search = { vault, names: ['ValidatorFunded'] as const, fromBlock: block, toBlock: block };
    await expect(findVaultEvents(views.node, search)).rejects.toMatchObject({
      code: 'invalid-answer',
      message: expect.stringContaining(`an event in block ${block} that a vault cannot have made`),
    });
    await expect(findLastVaultEvent(views.node, search)).rejects.toMatchObject({ code: 'invalid-answer' });
  });
});

describe('the block of both chains', () => {
  it('requireSameBlock takes the block of the beacon head, and names a node that is behind or elsewhere', async () => {
    const { number, hash } = await fetchHead(views.node);
    await expect(requireSameBlock(views.node, { number, hash })).resolves.toBeUndefined();
    const parent = await fetchHeader(views.node, number - 1);
    await expect(
      requireSameBlock(views.node, { number, hash: parent?.hash ?? toHex(key(1)) }),
    ).rejects.toMatchObject({ code: 'chain-heads-differ', retryable: true });
    await expect(requireSameBlock(views.node, { number: number + 5, hash })).rejects.toMatchObject({
      code: 'node-behind',
      retryable: true,
    });
  });
});
