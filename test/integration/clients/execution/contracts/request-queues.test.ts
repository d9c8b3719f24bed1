import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  fetchConsolidationQueue,
  fetchWithdrawalQueue,
} from '../../../../../src/clients/execution/contracts/request-queues.ts';
import { toHex } from '../../../../../src/lib/bytes.ts';
import { REQUEST_CONTRACTS, SYSTEM_ADDRESS } from '../../../../support/contracts/request-contracts.ts';
import { startVersion5Views, type Version5Views } from '../../../../support/scenes/version-5-views.ts';

const VAULT = `0x${'a1'.repeat(20)}`;
const STRANGER = `0x${'b2'.repeat(20)}`;
const INHIBITOR = `0x${'ff'.repeat(32)}`;
const { withdrawals, consolidations } = REQUEST_CONTRACTS;

let views: Version5Views;
beforeAll(async () => {
  views = await startVersion5Views();
  for (const account of [VAULT, STRANGER, SYSTEM_ADDRESS]) {
    await views.request('anvil_impersonateAccount', [account]);
    await views.request('anvil_setBalance', [account, `0x${(10n ** 20n).toString(16)}`]);
  }
});
afterAll(() => views[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const { address, code } of [withdrawals, consolidations]) {
    await views.request('anvil_setCode', [address, code]);
    for (const slot of [1, 2, 3]) await setSlot(address, slot, `0x${'00'.repeat(32)}`);
    await setSlot(address, 0, INHIBITOR);
  }
});

const setSlot = (address: string, slot: number, value: string) =>
  views.request('anvil_setStorageAt', [address, `0x${slot.toString(16).padStart(64, '0')}`, value]);
/** Begins with a byte that is no zero, and has another one at each place. */
const key = (seed: number) => Uint8Array.from({ length: 48 }, (_, i) => (seed * 50 + i) & 0xff);
const amountOf = (gwei: bigint) => gwei.toString(16).padStart(16, '0');

/** One transaction, which is a block of its own. */
async function call(from: string, to: string, data = '0x', value = 0n): Promise<void> {
  await views.sendFrom({ from, to, data, value: `0x${value.toString(16)}`, gas: '0x1e8480' });
}

/** What the end of a block does, to both contracts. */
async function endBlock(): Promise<void> {
  await call(SYSTEM_ADDRESS, withdrawals.address);
  await call(SYSTEM_ADDRESS, consolidations.address);
}

const query = async (contract: string) => ({
  contract,
  vault: VAULT,
  blockNumber: await views.blockNumber(),
});
const readWithdrawals = async () => fetchWithdrawalQueue(views.node, await query(withdrawals.address));
const readConsolidations = async () =>
  fetchConsolidationQueue(views.node, await query(consolidations.address));

describe('the system contracts of Electra', () => {
  it('fetchWithdrawalQueue reads what the contract of EIP-7002 has stored, before and after the end of a block', async () => {
    await views.request('anvil_mine', ['0x1']);
    expect((await readWithdrawals()).excess).toBeNull();
    await endBlock();
    expect(await readWithdrawals()).toEqual({ excess: 0n, addedInBlock: 0n, length: 0, ofVault: [] });
    const largest = 2n ** 64n - 1n;
    await call(VAULT, withdrawals.address, toHex(key(1)) + amountOf(1_000_000_007n), 1n);
    await call(STRANGER, withdrawals.address, toHex(key(1)) + amountOf(5n), 1n);
    await call(VAULT, withdrawals.address, toHex(key(2)) + amountOf(0n), 1n);
    await call(VAULT, withdrawals.address, toHex(key(3)) + amountOf(largest), 1n);
    expect(await readWithdrawals()).toEqual({
      excess: 0n,
      addedInBlock: 4n,
      length: 4,
      ofVault: [
        { publicKey: key(1), amountGwei: 1_000_000_007n },
        { publicKey: key(2), amountGwei: 0n },
        { publicKey: key(3), amountGwei: largest },
      ],
    });
    await endBlock();
    expect(await readWithdrawals()).toEqual({ excess: 2n, addedInBlock: 0n, length: 0, ofVault: [] });
  });

  it('fetchWithdrawalQueue begins at the head when a block has taken a part', async () => {
    await endBlock();
    for (let i = 0; i < 18; i++) {
      await call(i < 17 ? STRANGER : VAULT, withdrawals.address, toHex(key(i)) + amountOf(BigInt(i)), 1n);
    }
    await endBlock();
    expect(await readWithdrawals()).toEqual({
      excess: 16n,
      addedInBlock: 0n,
      length: 2,
      ofVault: [{ publicKey: key(17), amountGwei: 17n }],
    });
  });

  it('fetchConsolidationQueue reads what the contract of EIP-7251 has stored', async () => {
    await endBlock();
    for (const [from, source, target] of [
      [STRANGER, 1, 2],
      [STRANGER, 3, 4],
      [VAULT, 5, 6],
      [VAULT, 7, 7],
    ] as const) {
      const data = toHex(key(source)) + toHex(key(target)).slice(2);
      await call(from, consolidations.address, data, 1n);
    }
    const ofVault = [
      { sourcePublicKey: key(5), targetPublicKey: key(6) },
      { sourcePublicKey: key(7), targetPublicKey: key(7) },
    ];
    expect(await readConsolidations()).toEqual({ excess: 0n, addedInBlock: 4n, length: 4, ofVault });
    await endBlock();
    expect(await readConsolidations()).toEqual({ excess: 3n, addedInBlock: 0n, length: 2, ofVault });
  });
});
