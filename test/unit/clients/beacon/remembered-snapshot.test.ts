import { describe, expect, it } from 'vitest';
import type { BeaconSnapshot, StateValidator } from '../../../../src/clients/beacon/beacon-snapshot.ts';
import { rememberSnapshot } from '../../../../src/clients/beacon/remembered-snapshot.ts';
import { type Hex, toHex } from '../../../../src/lib/bytes.ts';
import { plannedKey, plannedValidator } from '../../../support/scenes/planned-validators.ts';

/** A snapshot that knows the validators 1 to 3, and counts what it is asked. */
function countingSnapshot() {
  const asked: string[] = [];
  const note = (what: string, keys: readonly Uint8Array[] = []) =>
    void asked.push([what, ...keys.map(key => key.at(-1))].join(' '));
  const known = new Map<Hex, StateValidator>(
    [1n, 2n, 3n].map(index => [toHex(plannedKey(index)), { ...plannedValidator(index), exitEpoch: 0n }]),
  );
  const executionBlock = { number: 1, hash: '0x' as Hex, timestamp: 0 };
  const snapshot: BeaconSnapshot = {
    head: { slot: 1n, epoch: 0n, blockRoot: new Uint8Array(32), executionBlock },
    async fetchValidators(keys) {
      note('validators', keys);
      return new Map([...known].filter(([key]) => keys.some(one => toHex(one) === key)));
    },
    async fetchPendingDeposits(keys) {
      note('deposits', keys);
      return keys.map(publicKey => ({
        publicKey,
        withdrawalCredentials: new Uint8Array(32),
        amountGwei: 1n,
        signature: new Uint8Array(96),
        slot: 0n,
      }));
    },
    async fetchPendingPartialWithdrawals() {
      note('partials');
      return [];
    },
    async fetchPendingConsolidations() {
      note('consolidations');
      return [];
    },
  };
  return { asked, snapshot };
}

const keysOf = (...indexes: readonly bigint[]) => indexes.map(plannedKey);

describe('a snapshot that remembers', () => {
  it('validators are asked for once each, also by two at once', async () => {
    const { asked, snapshot } = countingSnapshot();
    const remembered = rememberSnapshot(snapshot, []);
    const [first, second] = await Promise.all([
      remembered.fetchValidators(keysOf(1n, 9n)),
      remembered.fetchValidators(keysOf(9n, 2n, 1n)),
    ]);
    expect([...first.values()].map(({ index }) => index)).toEqual([1n]);
    expect([...second.values()].map(({ index }) => index)).toEqual([2n, 1n]);
    expect(asked).toEqual(['validators 1 9', 'validators 2']);
  });

  it('the queue of deposits is asked for once, with the keys that are expected', async () => {
    const { asked, snapshot } = countingSnapshot();
    const remembered = rememberSnapshot(snapshot, keysOf(7n));
    expect(await remembered.fetchPendingDeposits(keysOf(1n))).toMatchObject([{ publicKey: plannedKey(1n) }]);
    expect(await remembered.fetchPendingDeposits(keysOf(7n))).toMatchObject([{ publicKey: plannedKey(7n) }]);
    expect(asked).toEqual(['deposits 1 7']);
    expect(await remembered.fetchPendingDeposits(keysOf(8n))).toMatchObject([{ publicKey: plannedKey(8n) }]);
    expect(asked).toHaveLength(2);
  });

  it('the other queues are asked for once', async () => {
    const { asked, snapshot } = countingSnapshot();
    const remembered = rememberSnapshot(snapshot, []);
    for (let i = 0; i < 2; i++) {
      await remembered.fetchPendingPartialWithdrawals();
      await remembered.fetchPendingConsolidations();
    }
    expect(asked).toEqual(['partials', 'consolidations']);
    expect(remembered.head).toBe(snapshot.head);
  });
});
