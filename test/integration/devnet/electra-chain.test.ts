import { parseEther, toQuantity } from 'ethers/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { hex } from '../../devnet/exit-signature.ts';
import { REQUEST_QUEUES } from '../../devnet/protocol.ts';
import { INHIBITED, type QueueName } from '../../devnet/request-queues.ts';
import { ETH, keyOf, withdrawalEntries } from './vault-entries.ts';

const SYSTEM = '0xfffffffffffffffffffffffffffffffffffffffe';

let devnet: Devnet;
beforeAll(async () => {
  devnet = await startDevnet({ electra: true, slotsPerEpoch: 2, vaultVersion: 5 });
  await devnet.setValidatorsManager(devnet.protocol.owner.address);
});
afterAll(() => devnet.stop());

const withdrawal = (seed: number, gwei: bigint) => withdrawalEntries([[seed, gwei]]);

async function storageOf(queue: QueueName, slot: number, block = 'latest'): Promise<bigint> {
  const parameters = [REQUEST_QUEUES[queue].address, toQuantity(slot), block];
  return BigInt(await devnet.protocol.provider.send('eth_getStorageAt', parameters));
}

const countersOf = (queue: QueueName, block?: string) =>
  Promise.all([0, 1, 2, 3].map(slot => storageOf(queue, slot, block)));

const feeOf = async (queue: QueueName) =>
  BigInt(await devnet.protocol.provider.call({ to: REQUEST_QUEUES[queue].address }));

describe('request queues', () => {
  it('the devnet’s queue of withdrawals has the storage, the fee and the pace of EIP-7002', async () => {
    const { provider } = devnet.protocol;
    const { address } = REQUEST_QUEUES.withdrawals;
    const requests = Array.from({ length: 40 }, (_, i) => withdrawal(i + 1, BigInt(i) * ETH));
    await devnet.beacon.sync();
    expect(await countersOf('withdrawals')).toEqual([0n, 0n, 0n, 0n]);
    await devnet.sendRequests('withdrawals', requests);
    expect(await countersOf('withdrawals')).toEqual([0n, 40n, 0n, 40n]);

    // What the contract would give to the system call of a real chain is what the devnet takes.
    const system = await provider.send('eth_call', [{ from: SYSTEM, to: address }, 'latest']);
    expect(system.length).toBe(2 + 2 * 16 * 76);
    const sender = system.slice(2, 42);
    const littleEndian = (gwei: bigint) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(gwei);
      return bytes.toString('hex');
    };
    const second = `${sender}${keyOf(2).toString('hex')}${littleEndian(ETH)}`;
    expect(system.slice(2 + 152, 2 + 304)).toBe(second);

    const { number } = await devnet.beacon.sync();
    expect(await countersOf('withdrawals')).toEqual([38n, 0n, 16n, 40n]);
    // The seventeenth entry: sender, key, amount.
    const first = 4 + 3 * 16;
    const words = [first, first + 1, first + 2].map(slot => storageOf('withdrawals', slot));
    expect((await Promise.all(words)).map(word => word.toString(16).padStart(64, '0'))).toEqual([
      `${'0'.repeat(24)}${sender}`,
      keyOf(17).subarray(0, 32).toString('hex'),
      `${keyOf(17).subarray(32).toString('hex')}${(16n * ETH).toString(16).padStart(16, '0')}${'0'.repeat(16)}`,
    ]);
    // e^(38/17) is 9.35.
    expect(await feeOf('withdrawals')).toBe(9n);

    await devnet.mine(1);
    await devnet.beacon.sync();
    expect(await countersOf('withdrawals')).toEqual([36n, 0n, 32n, 40n]);
    await devnet.mine(1);
    await devnet.beacon.sync();
    expect(await countersOf('withdrawals')).toEqual([34n, 0n, 0n, 0n]);
    // The block that had the requests has the storage that a real chain has after it.
    expect(await countersOf('withdrawals', toQuantity(number))).toEqual([38n, 0n, 16n, 40n]);
    await devnet.mine(100);
    await devnet.beacon.sync();
    expect(await countersOf('withdrawals')).toEqual([0n, 0n, 0n, 0n]);
    expect((await devnet.beacon.listVoidRequests()).filter(({ kind }) => kind === 'withdrawal')).toHaveLength(
      40,
    );
  });

  it('the devnet’s queue of consolidations takes 96 bytes, and two leave it with each block', async () => {
    const requests = [1, 2, 3].map(seed => Buffer.concat([keyOf(seed), keyOf(seed + 10)]));
    await devnet.beacon.sync();
    await devnet.sendRequests('consolidations', requests);
    await devnet.beacon.sync();
    expect(await countersOf('consolidations')).toEqual([2n, 0n, 2n, 3n]);
    const words = await Promise.all([13, 14, 15].map(slot => storageOf('consolidations', slot)));
    expect(words.map(word => word.toString(16).padStart(64, '0')).join('')).toBe(
      requests[2]?.toString('hex'),
    );
    const wrong = devnet.protocol.provider.call({
      to: REQUEST_QUEUES.consolidations.address,
      data: hex(keyOf(1)),
    });
    await expect(wrong).rejects.toThrow();
  });

  it('the devnet’s fee follows an excess that a test sets, and a queue before its first block takes nothing', async () => {
    await devnet.beacon.setExcess('withdrawals', 200n);
    expect(await feeOf('withdrawals')).toBe(128_545n);
    await devnet.beacon.setExcess('withdrawals', INHIBITED);
    await expect(feeOf('withdrawals')).rejects.toThrow();
    await devnet.mine(1);
    await devnet.beacon.sync();
    expect(await feeOf('withdrawals')).toBe(1n);
  });
});

describe('requests that come while a block is ended', () => {
  it('the devnet loses no request, and takes none twice, that is mined while it writes the storage of a queue', async () => {
    const { stranger } = devnet.protocol.electra ?? { stranger: '' };
    const before = (await devnet.beacon.listVoidRequests(stranger)).length;
    let isSending = true;
    const syncing = (async () => {
      while (isSending) await devnet.beacon.sync();
    })();
    const seeds = Array.from({ length: 60 }, (_, i) => i + 1);
    try {
      for (const seed of seeds) await devnet.sendRequests('withdrawals', [withdrawal(seed, ETH)]);
    } finally {
      isSending = false;
      await syncing;
    }
    const taken = (await devnet.beacon.listVoidRequests(stranger)).slice(before);
    expect(taken.map(({ publicKey }) => publicKey)).toEqual(seeds.map(seed => hex(keyOf(seed))));
    expect((await countersOf('withdrawals')).slice(1)).toEqual([0n, 0n, 0n]);
  });
});

describe('limits', () => {
  it('the devnet’s queue of partial withdrawals is as long as a test wants it', async () => {
    const electra = { pendingPartialsLimit: 1 };
    await using limited = await startDevnet({ electra, slotsPerEpoch: 2, vaultVersion: 5 });
    const { vault } = limited.addresses;
    await limited.setValidatorsManager(limited.protocol.owner.address);
    await limited.depositEther(64);
    await limited.registerCompounding([{ publicKey: keyOf(1), amountGwei: 64n * ETH }]);
    await limited.passEpochs(300);
    const entries = withdrawalEntries([
      [1, ETH],
      [1, ETH],
    ]);
    const contract = limited.protocol.at('VaultV5', vault);
    await limited.protocol.send(contract, 'withdrawValidators', entries, '0x', { value: 10n });
    expect(await limited.beacon.listVoidRequests(vault)).toMatchObject([
      { kind: 'withdrawal', reason: 'the queue of partial withdrawals is full' },
    ]);
  });
});

describe('a vault’s validators', () => {
  it('what a devnet vault registers, tops up and withdraws is done by the beacon chain, and every wei arrives', async () => {
    const { protocol } = devnet;
    const { vault } = devnet.addresses;
    const contract = protocol.at('VaultV5', vault);
    await devnet.depositEther(332);
    await devnet.registerCompounding([
      { publicKey: keyOf(51), amountGwei: 32n * ETH },
      { publicKey: keyOf(52), amountGwei: 300n * ETH },
    ]);
    expect((await devnet.beacon.sync()).state.pendingDeposits).toHaveLength(2);
    await devnet.passEpochs(12);
    const { state } = devnet.beacon.head;
    expect(state.validators.map(one => [state.statusOf(one), one.balanceGwei])).toEqual([
      ['active_ongoing', 32n * ETH],
      ['active_ongoing', 300n * ETH],
    ]);
    await devnet.passEpochs(256);
    const entries = withdrawalEntries([
      [51, 0n],
      [52, 100n * ETH],
    ]);
    await protocol.send(contract, 'withdrawValidators', entries, '0x', { value: 10n });
    await devnet.beacon.sync();
    expect(devnet.beacon.head.state.pendingPartials).toMatchObject([
      { validatorIndex: 1, amountGwei: 100n * ETH },
    ]);
    expect(await protocol.provider.getBalance(vault)).toBe(0n);
    await devnet.passEpochs(270);
    expect(await protocol.provider.getBalance(vault)).toBe(parseEther('132'));
    expect(devnet.beacon.head.state.validators.map(one => one.balanceGwei)).toEqual([0n, 200n * ETH]);
    expect(await devnet.beacon.listVoidRequests(vault)).toEqual([]);
  });

  it('a reorganisation takes back deposits, requests and payments of the devnet’s beacon chain', async () => {
    const { protocol } = devnet;
    const { vault } = devnet.addresses;
    const before = await protocol.provider.getBalance(vault);
    await devnet.depositForKey({
      publicKey: keyOf(52),
      withdrawalCredentials: Buffer.from(`02${'00'.repeat(11)}${vault.slice(2)}`, 'hex'),
      amountGwei: 5n * ETH,
      signature: Buffer.alloc(96),
    });
    await devnet.sendRequests('withdrawals', [withdrawal(52, ETH)]);
    const { state } = await devnet.beacon.sync();
    expect(state.pendingDeposits).toHaveLength(1);
    expect(state.voidRequests.at(-1)?.reason).toBe('the sender is not the credentials’ address');
    await devnet.reorganise(2);
    const after = (await devnet.beacon.sync()).state;
    expect(after.pendingDeposits).toHaveLength(0);
    expect(after.voidRequests.length).toBe(state.voidRequests.length - 1);
    expect(await protocol.provider.getBalance(vault)).toBe(before);
  });

  it('the devnet’s beacon chain pays once, whatever a reorganisation does with the block that pays', async () => {
    const { protocol } = devnet;
    const { vault } = devnet.addresses;
    const contract = protocol.at('VaultV5', vault);
    const before = await protocol.provider.getBalance(vault);
    const paid = async () => {
      await devnet.beacon.sync();
      return (await protocol.provider.getBalance(vault)) - before;
    };
    const request = async (gwei: bigint) => {
      await protocol.send(contract, 'withdrawValidators', withdrawal(52, gwei), '0x', { value: 100n });
      await devnet.beacon.sync();
    };
    await request(10n * ETH);
    await devnet.passEpochs(270);
    expect(await paid()).toBe(parseEther('10'));
    await devnet.mine(1);
    // The paying block stays.
    await devnet.reorganise(1);
    expect(await paid()).toBe(parseEther('10'));
    // It goes, and those in its place are before the time: another one pays.
    await devnet.reorganise(2);
    expect(await paid()).toBe(0n);
    await devnet.passEpochs(270);
    expect(await paid()).toBe(parseEther('10'));

    await request(5n * ETH);
    // It is paid late, in a block that goes while the paying one stays.
    await devnet.passSeconds(1000);
    await devnet.mine(1);
    expect(await paid()).toBe(parseEther('15'));
    await devnet.reorganise(1);
    expect(await paid()).toBe(parseEther('15'));
    expect(devnet.beacon.head.state.validators[1]?.balanceGwei).toBe(185n * ETH);
  });
});
