import { describe, expect, expectTypeOf, it } from 'vitest';
import type {
  DepositDataEntry,
  formatDepositData,
} from '../../../../../src/domain/consensus/deposit-data.ts';
import {
  type DepositEntries,
  openDepositEntries,
} from '../../../../../src/services/staking/registration/deposit-entries.ts';

describe('openDepositEntries', () => {
  it('openDepositEntries keeps key and signature of each entry, nothing that could be written as deposit data', async () => {
    const entries: DepositDataEntry[] = [1, 2].map(byte => ({
      publicKey: new Uint8Array(48).fill(byte),
      signature: new Uint8Array(96).fill(byte),
      json: { pubkey: `${byte}`.repeat(96) },
    }));
    const deposits = openDepositEntries(
      { source: { name: 'deposit_data.json', read: async () => entries }, now: () => 0 },
      { vault: new Uint8Array(20), genesisForkVersion: new Uint8Array(4) },
    );
    const kept = await deposits.current();
    expect(kept.map(({ publicKey, signature }) => ({ publicKey, signature }))).toEqual(
      entries.map(({ publicKey, signature }) => ({ publicKey, signature })),
    );
    expect(kept.filter(entry => 'json' in entry)).toEqual([]);
    type Kept = Awaited<ReturnType<DepositEntries['current']>>;
    expectTypeOf<Kept>().not.toExtend<Parameters<typeof formatDepositData>[0]>();
  });
});
