import { Interface } from 'ethers/abi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';

const ETHER = 10n ** 18n;
let devnet: Devnet;
let shared: string;
let own: string;
beforeAll(async () => {
  devnet = await startDevnet({ oracles: 5, threshold: 3, vaultVersion: 5 });
  shared = devnet.addresses.vault;
  own = await devnet.createVault(1, { hasOwnMevEscrow: true });
  for (const vault of [shared, own]) await devnet.registerDirectly([{ publicKey: keyOf(vault) }], vault);
});
afterAll(() => devnet.stop());

function keyOf(vault: string): Uint8Array {
  return Buffer.from(vault.slice(2).padStart(96, '0'), 'hex');
}

const contractOf = (vault: string) => devnet.protocol.at('VaultV5', vault);
const totalAssets = (vault: string): Promise<bigint> =>
  contractOf(vault).getFunction('totalAssets').staticCall();

describe('rewards', () => {
  it('a devnet vault two updates behind must be harvested, and then with the last two roots only', async () => {
    const { protocol } = devnet;
    expect(await devnet.readHarvestState(shared)).toEqual({
      isCollateralized: true,
      canHarvest: false,
      isHarvestRequired: false,
    });
    const first = await devnet.distributeRewards([{ vault: shared, consensusWei: ETHER }]);
    expect(await devnet.readHarvestState(shared)).toMatchObject({
      canHarvest: true,
      isHarvestRequired: false,
    });
    const earned = {
      vault: shared,
      consensusWei: -ETHER / 2n,
      unlockedMevWei: ETHER,
      lockedMevWei: 2n * ETHER,
    };
    const second = await devnet.distributeRewards([earned]);
    expect(await devnet.readHarvestState(shared)).toMatchObject({
      canHarvest: true,
      isHarvestRequired: true,
    });
    const update = contractOf(shared).getFunction('updateState');
    await update.staticCall(first.harvestParams(shared));
    await devnet.distributeRewards();
    await expect(update.staticCall(first.harvestParams(shared))).rejects.toMatchObject({
      revert: expect.objectContaining({ name: 'InvalidRewardsRoot' }),
    });
    const wrong = { ...second.harvestParams(shared), reward: 5n };
    await expect(update.staticCall(wrong)).rejects.toMatchObject({
      revert: expect.objectContaining({ name: 'InvalidProof' }),
    });

    const balance = await protocol.provider.getBalance(shared);
    const assets = await totalAssets(shared);
    await protocol.send(contractOf(shared), 'updateState', second.harvestParams(shared));
    expect((await totalAssets(shared)) - assets).toBe((35n * ETHER) / 10n);
    expect((await protocol.provider.getBalance(shared)) - balance).toBe(ETHER);
    expect(await devnet.readHarvestState(shared)).toMatchObject({
      canHarvest: true,
      isHarvestRequired: false,
    });
    const log = await devnet.readVaultLog(shared);
    expect(log.harvests).toEqual([{ totalAssetsDelta: (35n * ETHER) / 10n, unlockedMevDelta: ETHER }]);
  });

  it('rewards of a vault with its own MEV escrow are consensus rewards, and all that the escrow holds', async () => {
    const { protocol } = devnet;
    const escrow: string = await contractOf(own).getFunction('mevEscrow').staticCall();
    expect(escrow).not.toBe(devnet.addresses.sharedMevEscrow);
    await devnet.setBalance(escrow, 3n * ETHER);
    const distribution = await devnet.distributeRewards([
      { vault: own, consensusWei: ETHER, unlockedMevWei: 7n * ETHER },
    ]);
    expect(distribution.harvestParams(own)).toMatchObject({ reward: ETHER, unlockedMevReward: 0n });
    await protocol.send(contractOf(own), 'updateState', distribution.harvestParams(own));
    expect(await totalAssets(own)).toBe(4n * ETHER);
    expect(await contractOf(own).getFunction('withdrawableAssets').staticCall()).toBe(3n * ETHER);
  });

  it('the document of the rewards has bare numbers, larger than doubles hold', async () => {
    const { rewardsIpfsHash } = await devnet.distributeRewards([{ vault: shared, consensusWei: 1n }]);
    const text = await (await fetch(`${devnet.ipfs.url}/ipfs/${rewardsIpfsHash}`)).text();
    expect(text).toContain('"consensus_reward": 500000000000000001,');
    const { vaults } = JSON.parse(text) as { vaults: Record<string, unknown>[] };
    expect(vaults.map(vault => [vault.vault, 'locked_mev_reward' in vault])).toEqual([
      [shared, true],
      [own, false],
    ]);
  });

  it('a vault that has registered nothing has no pending rewards', async () => {
    const fresh = await devnet.createVault(5);
    await devnet.distributeRewards();
    expect(Object.values(await devnet.readHarvestState(fresh))).toEqual([false, false, false]);
  });
});

describe('Multicall', () => {
  it('the devnet’s Multicall answers several reads in one call, and simulates a harvest between them', async () => {
    const { addresses, protocol } = devnet;
    const distribution = await devnet.distributeRewards([{ vault: shared, unlockedMevWei: ETHER }]);
    const vault = new Interface([
      'function withdrawableAssets() view returns (uint256)',
      'function updateState((bytes32 rewardsRoot, int160 reward, uint160 unlockedMevReward, bytes32[] proof))',
    ]);
    const read = vault.encodeFunctionData('withdrawableAssets');
    const harvest = vault.encodeFunctionData('updateState', [distribution.harvestParams(shared)]);
    const multicall = protocol.at('Multicall', addresses.multicall);
    const calls = [read, harvest, read].map(callData => ({ target: shared, callData }));
    const [block, [before, , after]] = await multicall.getFunction('aggregate').staticCall(calls);
    expect(Number(block)).toBe(await protocol.provider.getBlockNumber());
    expect(BigInt(after) - BigInt(before)).toBe(ETHER);
    const failing = [{ target: addresses.keeper, callData: '0x12345678' }];
    await expect(multicall.getFunction('aggregate').staticCall(failing)).rejects.toThrow(
      'Multicall3: call failed',
    );
  });
});
