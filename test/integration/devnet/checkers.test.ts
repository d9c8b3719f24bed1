import { secp256k1 } from '@noble/curves/secp256k1.js';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { parseEther } from 'ethers/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { addressOf } from '../../devnet/typed-data.ts';
import { compoundingEntries, ETH, keyOf, signForVault } from './vault-entries.ts';

let devnet: Devnet;
beforeAll(async () => {
  devnet = await startDevnet({ electra: true, vaultVersion: 5 });
  await devnet.setValidatorsManager(devnet.protocol.owner.address);
});
afterAll(() => devnet.stop());

const checker = () => devnet.protocol.at('ValidatorsChecker', devnet.electraAddresses.validatorsChecker);

describe('the checker', () => {
  it('the devnet’s checker says what an exit queue misses, also after a harvest that it makes itself', async () => {
    const { protocol } = devnet;
    const { vault } = devnet.addresses;
    const contract = protocol.at('VaultV5', vault);
    await devnet.depositEther(100);
    await devnet.registerCompounding([{ publicKey: keyOf(1), amountGwei: 96n * ETH }]);
    await protocol.send(contract, 'setLegacyExits', parseEther('10'), parseEther('5'));
    await protocol.send(contract, 'enterExitQueue', parseEther('40'), protocol.owner.address);
    const tickets: bigint = await checker().getFunction('getExitQueueCumulativeTickets').staticCall(vault);
    expect(tickets).toBe(parseEther('50'));
    const missing = (coming: string, redemption: string, target: bigint) =>
      checker()
        .getFunction('getExitQueueMissingAssets')
        .staticCall(vault, parseEther(coming), parseEther(redemption), target);
    // The vault has 4 ETH: 5 ETH of before and 40 ETH of shares are owed.
    expect(await missing('0', '0', tickets)).toBe(parseEther('41'));
    expect(await missing('0', '0', parseEther('4'))).toBe(0n);
    expect(await missing('0', '0', parseEther('14'))).toBe(parseEther('5'));
    expect(await missing('0', '7', tickets)).toBe(parseEther('48'));
    expect(await missing('30', '7', tickets)).toBe(parseEther('18'));
    expect(await missing('50', '0', tickets)).toBe(0n);
    expect(await missing('0', '7', 0n)).toBe(parseEther('3'));

    const rewards = await devnet.distributeRewards([{ vault, consensusWei: parseEther('10') }]);
    const encode = (method: string, ...args: unknown[]) =>
      checker().interface.encodeFunctionData(method, args);
    const calls = [
      encode('updateVaultState', vault, rewards.harvestParams(vault)),
      encode('getExitQueueMissingAssets', vault, 0n, 0n, tickets),
    ];
    const [, answer] = await checker().getFunction('multicall').staticCall(calls);
    // 100 shares are worth 110 ETH now: 40 of them 44, and the old exits go on with their 5.
    expect(BigInt(answer)).toBe(parseEther('45'));
    expect(await missing('0', '0', tickets)).toBe(parseEther('41'));
  });

  it('the devnet’s checker verifies a manager’s signature without a transaction', async () => {
    const { protocol, addresses } = devnet;
    const vault = await devnet.createVault(5);
    const { secretKey, publicKey } = secp256k1.keygen();
    const manager = addressOf(secp256k1.Point.fromBytes(publicKey).toBytes(false).subarray(1));
    await devnet.setValidatorsManager(manager, vault);
    const depositContract = protocol.at('DepositContract', addresses.depositContract);
    const first: string = await depositContract.getFunction('get_deposit_root').staticCall();
    const validators = compoundingEntries(vault, [[1, 32n * ETH]]);
    const signature = signForVault(devnet, secretKey, vault, { first, validators });
    const check = async (...args: unknown[]) =>
      Number(
        (
          await checker()
            .getFunction('checkValidatorsManagerSignature')
            .staticCall(...args)
        )[1],
      );
    expect(await check(vault, first, validators, signature)).toBe(3);
    await devnet.depositEther(32, vault);
    expect(await check(vault, first, validators, signature)).toBe(0);
    expect(await check(vault, first, validators.subarray(1), signature)).toBe(4);
    expect(await check(addresses.keeper, first, validators, signature)).toBe(2);
    expect(await check(vault, `0x${'00'.repeat(32)}`, validators, signature)).toBe(1);
  });
});

describe('the redeemer', () => {
  it('the devnet’s redeemer tells what waits, of whose positions, and what of each is done', async () => {
    const { protocol, electraAddresses, addresses, ipfs } = devnet;
    const redeemer = protocol.at('OsTokenRedeemer', electraAddresses.osTokenRedeemer);
    const controller = protocol.at('OsTokenVaultController', electraAddresses.osTokenVaultController);
    await protocol.send(controller, 'setTotals', parseEther('110'), parseEther('100'));
    expect(await controller.getFunction('convertToAssets').staticCall(parseEther('10'))).toBe(
      parseEther('11'),
    );
    expect(await redeemer.getFunction('nonce').staticCall()).toBe(0n);

    const positions = ['20', '30'].map((shares, i) => ({
      vault: addresses.vault,
      owner: `0x${`${i + 1}`.repeat(40)}`,
      leaf_shares: String(parseEther(shares)),
    }));
    // Leaves have the nonce of before the tree was set.
    const leaves = positions.map(({ vault, owner, leaf_shares }): [bigint, string, bigint, string] => [
      0n,
      vault,
      BigInt(leaf_shares),
      owner,
    ]);
    const tree = StandardMerkleTree.of(leaves, ['uint256', 'address', 'uint256', 'address']);
    const ipfsHash = await ipfs.add(JSON.stringify(positions));
    await protocol.send(redeemer, 'setRedeemablePositions', { merkleRoot: tree.root, ipfsHash });
    await protocol.send(redeemer, 'setQueuedShares', parseEther('25'));
    expect([...(await redeemer.getFunction('redeemablePositions').staticCall())]).toEqual([
      tree.root,
      ipfsHash,
    ]);
    expect(await redeemer.getFunction('nonce').staticCall()).toBe(1n);

    const redeemed = { vault: addresses.vault, owner: positions[0]?.owner, leafShares: parseEther('20') };
    const { proof, proofFlags } = tree.getMultiProof([0]);
    const position = { ...redeemed, sharesToRedeem: parseEther('15') };
    await protocol.send(redeemer, 'redeemOsTokenPositions', [position], proof, proofFlags);
    const processed = redeemer.getFunction('leafToProcessedShares');
    expect(await processed.staticCall(tree.leafHash(leaves[0] ?? [0n, '', 0n, '']))).toBe(parseEther('15'));
    expect(await redeemer.getFunction('queuedShares').staticCall()).toBe(parseEther('10'));
    const foreign = { ...position, leafShares: parseEther('21') };
    await expect(
      redeemer.getFunction('redeemOsTokenPositions').staticCall([foreign], proof, proofFlags),
    ).rejects.toMatchObject({ revert: expect.objectContaining({ name: 'InvalidProof' }) });
  });
});
