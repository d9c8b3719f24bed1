import { describe, expect, it } from 'vitest';
import { WEI_PER_ETHER, WEI_PER_GWEI } from '../../../../../src/lib/units.ts';
import {
  decideRegistration,
  type RegistrationDecision,
  type RegistrationState,
  stakeableWei,
} from '../../../../../src/services/staking/registration/decide-registration.ts';

const ONE = 32n * WEI_PER_ETHER;
const state: RegistrationState = {
  assetsWei: 3n * ONE,
  minVaultBalanceWei: 0n,
  assetsPerValidatorWei: ONE,
  batchLimit: 10,
  harvestWaitsFor: undefined,
  baseFeePerGasWei: 20n * WEI_PER_GWEI,
  maxFeePerGasGwei: 100n,
};
const idle = { status: 'idle' } as const;
const register = (count: number) => ({ status: 'register', count }) as const;
const harvest = { status: 'waiting', code: 'harvest-not-possible', waitsFor: 'a harvest' } as const;
const gas = {
  status: 'waiting',
  code: 'fee-ceiling',
  waitsFor: 'the base fee to fall to 100 gwei or less',
} as const;

describe('decideRegistration', () => {
  it.each<[string, Partial<RegistrationState>, RegistrationDecision]>([
    ['registers as many validators as the assets are enough for', {}, register(3)],
    ['leaves what is short of a validator', { assetsWei: 3n * ONE - 1n }, register(2)],
    ['registers at most what the oracles approve at once', { batchLimit: 2 }, register(2)],
    ['takes assets beyond what a number is exact for', { assetsWei: ONE * 2n ** 60n }, register(10)],
    ['counts validators of 1 GNO', { assetsPerValidatorWei: WEI_PER_ETHER, batchLimit: 200 }, register(96)],
    ['leaves the least balance in the vault', { minVaultBalanceWei: 1n }, register(2)],
    ['is idle without assets for one validator', { assetsWei: ONE - 1n }, idle],
    ['is idle when the least balance takes all', { minVaultBalanceWei: 4n * ONE }, idle],
    ['waits for a harvest that the vault insists on', { harvestWaitsFor: 'a harvest' }, harvest],
    ['waits for the base fee to fall', { baseFeePerGasWei: 100n * WEI_PER_GWEI + 1n }, gas],
    ['pays a base fee up to the largest', { baseFeePerGasWei: 100n * WEI_PER_GWEI }, register(3)],
    [
      'waits for no harvest and no base fee while it is idle',
      { assetsWei: 0n, harvestWaitsFor: 'a harvest', baseFeePerGasWei: 101n * WEI_PER_GWEI },
      idle,
    ],
    ['tops up where nothing can be registered', { affordable: 0, topUps: 2 }, register(0)],
    ['tops up where the oracles approve nothing', { batchLimit: 0, topUps: 2 }, register(0)],
    ['registers the rest after top-ups', { affordable: 3, topUps: 2, batchLimit: 2 }, register(2)],
    ['registers beside what is kept for top-ups', { affordable: 1, fundingWaitsFor: 'block 7' }, register(1)],
    [
      'waits with what is kept for top-ups',
      { affordable: 0, fundingWaitsFor: 'block 7' },
      { status: 'waiting', code: 'funding-interval', waitsFor: 'block 7' },
    ],
    ['tops up nothing above the base fee', { topUps: 1, baseFeePerGasWei: 101n * WEI_PER_GWEI }, gas],
    [
      'waits for the harvest before the base fee',
      { harvestWaitsFor: 'a harvest', baseFeePerGasWei: 101n * WEI_PER_GWEI },
      harvest,
    ],
  ])('decideRegistration %s', (_, changes, expected) => {
    expect(decideRegistration({ ...state, ...changes })).toEqual(expected);
  });

  it('stakeableWei counts what exceeds the least balance of the vault, and never less than nothing', () => {
    expect(stakeableWei({ assetsWei: 5n, minVaultBalanceWei: 2n })).toBe(3n);
    expect(stakeableWei({ assetsWei: 2n, minVaultBalanceWei: 5n })).toBe(0n);
  });
});
