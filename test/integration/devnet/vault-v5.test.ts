import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Contract } from 'ethers/contract';
import { keccak256 } from 'ethers/crypto';
import { parseEther } from 'ethers/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { hex } from '../../devnet/exit-signature.ts';
import { addressOf } from '../../devnet/typed-data.ts';
import {
  approve,
  compoundingEntries,
  ETH,
  fundingEntries,
  keyOf,
  legacyEntries,
  signForVault,
  withdrawalEntries,
} from './vault-entries.ts';

let devnet: Devnet;
beforeAll(async () => {
  devnet = await startDevnet({ electra: true, slotsPerEpoch: 2 });
});
afterAll(() => devnet.stop());

/** A vault with so much ether whose manager is the chain's first account. */
async function createVault(ether: number): Promise<Contract> {
  const address = await devnet.createVault(5);
  await devnet.setValidatorsManager(devnet.protocol.owner.address, address);
  if (ether > 0) await devnet.depositEther(ether, address);
  return devnet.protocol.at('VaultV5', address);
}

/** The custom error, or the panic, that a call ended with. */
function revertOf(name: string) {
  return { revert: expect.objectContaining({ name }) };
}

async function refuses(
  vault: Contract,
  method: string,
  args: readonly unknown[],
  name: string,
): Promise<void> {
  await expect(vault.getFunction(method).staticCall(...args)).rejects.toMatchObject(revertOf(name));
}

async function eventsOf(vault: Contract, name: string) {
  const logs = await vault.queryFilter(name, 0);
  return logs.map(log => ('args' in log ? [...log.args] : []));
}

const register = async (vault: Contract, validators: Uint8Array) =>
  devnet.protocol.send(
    vault,
    'registerValidators',
    await approve(devnet, String(vault.target), validators),
    '0x',
  );

describe('registration', () => {
  it('a devnet vault of version 5 takes entries of one kind, with amounts of 32 to 2,048 ETH', async () => {
    const vault = await createVault(400);
    const address = String(vault.target);
    const refused = async (validators: Uint8Array, name: string) =>
      refuses(vault, 'registerValidators', [await approve(devnet, address, validators), '0x'], name);
    await refused(compoundingEntries(address, [[1, 32n * ETH - 1n]]), 'InvalidAssets');
    await refused(compoundingEntries(address, [[1, 2048n * ETH + 1n]]), 'InvalidAssets');
    await refused(Buffer.alloc(0), 'AccessDenied');
    await refused(Buffer.alloc(177), 'InvalidValidators');
    const seeds = Array.from({ length: 23 }, (_, i) => i + 1);
    await refused(legacyEntries(address, seeds), 'InvalidValidators');
    await refused(
      compoundingEntries(
        address,
        seeds.slice(1).map(seed => [seed, 32n * ETH]),
      ),
      'InvalidValidators',
    );
    await refused(
      compoundingEntries(address, [
        [1, 300n * ETH],
        [2, 101n * ETH],
      ]),
      'Panic',
    );

    await register(
      vault,
      compoundingEntries(address, [
        [1, 32n * ETH],
        [2, 300n * ETH],
      ]),
    );
    await register(vault, legacyEntries(address, [3]));
    expect(await eventsOf(vault, 'V2ValidatorRegistered')).toEqual([
      [hex(keyOf(1)), parseEther('32')],
      [hex(keyOf(2)), parseEther('300')],
    ]);
    expect(await eventsOf(vault, 'ValidatorRegistered')).toEqual([[hex(keyOf(3))]]);
    const tracked = [1, 2, 3].map(seed =>
      vault.getFunction('v2Validators').staticCall(keccak256(keyOf(seed))),
    );
    expect(await Promise.all(tracked)).toEqual([true, true, false]);
    expect(await vault.getFunction('withdrawableAssets').staticCall()).toBe(parseEther('36'));
    expect(await vault.getFunction('validatorsManagerNonce').staticCall()).toBe(0n);
  });

  it('a signature of a devnet vault’s manager counts once, and alone', async () => {
    const vault = await createVault(200);
    const address = String(vault.target);
    const { secretKey, publicKey } = secp256k1.keygen();
    const point = secp256k1.Point.fromBytes(publicKey).toBytes(false).subarray(1);
    const validators = compoundingEntries(address, [[11, 64n * ETH]]);
    const approval = await approve(devnet, address, validators);
    const { validatorsRegistryRoot: first } = approval;
    const signature = signForVault(devnet, secretKey, address, { first, validators });
    // The caller is the manager, but the signature is another's.
    await refuses(vault, 'registerValidators', [approval, signature], 'AccessDenied');
    await devnet.setValidatorsManager(addressOf(point), address);
    await refuses(vault, 'registerValidators', [approval, '0x'], 'AccessDenied');
    await devnet.protocol.send(vault, 'registerValidators', approval, signature);
    expect(await vault.getFunction('validatorsManagerNonce').staticCall()).toBe(1n);

    const entries = fundingEntries(address, [[11, ETH]]);
    const signed = (nonce: bigint) =>
      signForVault(devnet, secretKey, address, { first: nonce, validators: entries });
    await refuses(vault, 'fundValidators', [entries, signed(0n)], 'AccessDenied');
    await devnet.protocol.send(vault, 'fundValidators', entries, signed(1n));
    await refuses(vault, 'fundValidators', [entries, signed(1n)], 'AccessDenied');
    expect(await vault.getFunction('validatorsManagerNonce').staticCall()).toBe(2n);
  });

  it('a devnet vault’s manager that is a contract says itself what it has signed', async () => {
    const { provider } = devnet.protocol;
    const vault = await createVault(64);
    const address = String(vault.target);
    const manager = `0x${'c0'.repeat(20)}`;
    await devnet.setValidatorsManager(manager, address);
    const approval = await approve(devnet, address, compoundingEntries(address, [[12, 32n * ETH]]));
    // Answers what is a yes by ERC-1271, whatever it is asked; then nothing.
    await provider.send('anvil_setCode', [manager, '0x631626ba7e60e01b60005260206000f3']);
    await vault.getFunction('registerValidators').staticCall(approval, '0x01');
    await provider.send('anvil_setCode', [manager, '0x60206000f3']);
    await refuses(vault, 'registerValidators', [approval, '0x01'], 'AccessDenied');
  });

  it('a new devnet vault of version 5 has no manager, and nobody may do anything', async () => {
    const address = await devnet.createVault(5);
    const vault = devnet.protocol.at('VaultV5', address);
    const approval = await approve(devnet, address, legacyEntries(address, [1]));
    await refuses(vault, 'registerValidators', [approval, '0x'], 'AccessDenied');
    await refuses(vault, 'fundValidators', [fundingEntries(address, [[1, ETH]]), '0x'], 'AccessDenied');
    await refuses(vault, 'setValidatorsManager', [`0x${'00'.repeat(20)}`], 'ValueNotChanged');
  });
});

describe('requests', () => {
  it('a devnet vault of version 5 tops up only what it has registered with 0x02 credentials', async () => {
    const vault = await createVault(100);
    const address = String(vault.target);
    await register(vault, compoundingEntries(address, [[21, 32n * ETH]]));
    await register(vault, legacyEntries(address, [22]));
    const refused = (entries: Uint8Array, name: string) =>
      refuses(vault, 'fundValidators', [entries, '0x'], name);
    await refused(legacyEntries(address, [21]), 'CannotTopUpV1Validators');
    await refused(fundingEntries(address, [[22, ETH]]), 'InvalidValidators');
    await refused(fundingEntries(address, [[21, 37n * ETH]]), 'Panic');
    const small = vault
      .getFunction('fundValidators')
      .staticCall(fundingEntries(address, [[21, ETH - 1n]]), '0x');
    await expect(small).rejects.toThrow('deposit value too low');
    await devnet.protocol.send(vault, 'fundValidators', fundingEntries(address, [[21, 10n * ETH]]), '0x');
    expect(await eventsOf(vault, 'ValidatorFunded')).toEqual([[hex(keyOf(21)), parseEther('10')]]);
    expect(await vault.getFunction('validatorsManagerNonce').staticCall()).toBe(0n);
  });

  it('a devnet vault of version 5 pays the fee of each withdrawal, and gives back the rest', async () => {
    const { protocol } = devnet;
    const vault = await createVault(100);
    const address = String(vault.target);
    const entries = withdrawalEntries([
      [31, 5n * ETH],
      [31, 0n],
    ]);
    await refuses(vault, 'withdrawValidators', [entries, '0x', { value: 100n }], 'NotCollateralized');
    await register(vault, compoundingEntries(address, [[31, 64n * ETH]]));
    await refuses(
      vault,
      'withdrawValidators',
      [entries.subarray(1), '0x', { value: 100n }],
      'InvalidValidators',
    );
    await refuses(vault, 'withdrawValidators', [Buffer.alloc(0), '0x', { value: 100n }], 'AccessDenied');
    await refuses(vault, 'withdrawValidators', [entries, '0x', { value: 1n }], 'Panic');
    const before = await protocol.provider.getBalance(address);
    const queue = devnet.electraAddresses.withdrawalRequests;
    const paid = await protocol.provider.getBalance(queue);
    await protocol.send(vault, 'withdrawValidators', entries, '0x', { value: 100n });
    expect(await eventsOf(vault, 'ValidatorWithdrawalSubmitted')).toEqual([
      [hex(keyOf(31)), parseEther('5'), 1n],
      [hex(keyOf(31)), 0n, 1n],
    ]);
    expect(await protocol.provider.getBalance(address)).toBe(before);
    expect(await protocol.provider.getBalance(queue)).toBe(paid + 2n);
    const foreign = Buffer.concat([keyOf(31), keyOf(32)]);
    await refuses(vault, 'consolidateValidators', [foreign, '0x', '0x', { value: 1n }], 'InvalidValidators');
    await protocol.send(vault, 'consolidateValidators', Buffer.concat([keyOf(32), keyOf(31)]), '0x', '0x', {
      value: 10n,
    });
    expect(await eventsOf(vault, 'ValidatorConsolidationSubmitted')).toEqual([
      [hex(keyOf(32)), hex(keyOf(31)), 1n],
    ]);
  });
});

describe('the exit queue', () => {
  it('who leaves a devnet vault waits for a harvest, and what is queued cannot be staked', async () => {
    const { protocol } = devnet;
    const vault = await createVault(100);
    const address = String(vault.target);
    const { owner } = protocol;
    const data = async () => [...(await vault.getFunction('getExitQueueData').staticCall())];
    const withdrawable = () => vault.getFunction('withdrawableAssets').staticCall();
    await protocol.send(vault, 'enterExitQueue', parseEther('2'), owner.address);
    expect(await data()).toEqual([0n, 0n, 0n, 0n, 0n]);
    await register(vault, compoundingEntries(address, [[41, 64n * ETH]]));

    await protocol.send(vault, 'enterExitQueue', parseEther('50'), owner.address);
    const { timestamp } = (await protocol.provider.getBlock('latest')) ?? { timestamp: 0 };
    expect(await data()).toEqual([parseEther('50'), 0n, 0n, 0n, 0n]);
    expect(await withdrawable()).toBe(0n);
    const early = [0n, timestamp, 0n];
    await refuses(vault, 'claimExitedAssets', early, 'ExitRequestNotProcessed');

    // 98 ETH become 99.96: shares are worth 1.02, and the 34 ETH that are there pay 33.33… shares.
    const rewards = await devnet.distributeRewards([{ vault: address, consensusWei: parseEther('1.96') }]);
    await protocol.send(vault, 'updateState', rewards.harvestParams(address));
    const burned = (parseEther('34') * parseEther('98')) / parseEther('99.96');
    expect(await data()).toEqual([parseEther('50') - burned, parseEther('34'), 0n, 0n, burned]);
    expect(await vault.getFunction('getExitQueueIndex').staticCall(0n)).toBe(0n);
    expect(await vault.getFunction('getExitQueueIndex').staticCall(burned)).toBe(-1n);
    await protocol.send(vault, 'claimExitedAssets', 0n, timestamp, 0n);
    expect(await protocol.provider.getBalance(address)).toBe(0n);
    expect((await data())[1]).toBe(0n);

    // The rest of the request goes on where it stopped.
    await devnet.setBalance(address, parseEther('20'));
    const more = await devnet.distributeRewards([{ vault: address }]);
    await protocol.send(vault, 'updateState', more.harvestParams(address));
    await refuses(vault, 'claimExitedAssets', [burned, timestamp, 0n], 'InvalidCheckpointIndex');
    await protocol.send(vault, 'claimExitedAssets', burned, timestamp, 1n);
    // Rounding leaves a share. 50 of 1.02 ETH are paid now, 34 before.
    expect(await data()).toMatchObject([1n, expect.any(BigInt), 0n, 0n, parseEther('50') - 1n]);
    const left = (await protocol.provider.getBalance(address)) - parseEther('3');
    expect(left).toBeGreaterThanOrEqual(0n);
    expect(left).toBeLessThan(5n);
  });

  it('a penalty of a devnet vault falls on old exits, too, and they are paid before all others', async () => {
    const { protocol } = devnet;
    const vault = await createVault(96);
    const address = String(vault.target);
    await register(vault, compoundingEntries(address, [[42, 64n * ETH]]));
    await protocol.send(vault, 'setLegacyExits', parseEther('30'), parseEther('32'));
    await protocol.send(vault, 'enterExitQueue', parseEther('1'), protocol.owner.address);
    const penalty = await devnet.distributeRewards([{ vault: address, consensusWei: -parseEther('12.8') }]);
    await protocol.send(vault, 'updateState', penalty.harvestParams(address));
    // A quarter of all assets is the old exits': 3.2 of 12.8 ETH.
    const [queued, unclaimed, tickets, assets, total] = await vault
      .getFunction('getExitQueueData')
      .staticCall();
    expect([queued, tickets, assets]).toEqual([0n, 0n, 0n]);
    expect(total).toBe(parseEther('31'));
    expect(unclaimed).toBe(parseEther('28.8') + parseEther('0.9'));
    expect(await eventsOf(vault, 'ExitingAssetsPenalized')).toEqual([[parseEther('3.2')]]);
    expect(await vault.getFunction('withdrawableAssets').staticCall()).toBe(parseEther('2.3'));
  });
});
