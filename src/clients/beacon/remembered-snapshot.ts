import { type Hex, toHex } from '../../lib/bytes.ts';
import type { BeaconSnapshot, PendingDeposit, StateValidator } from './beacon-snapshot.ts';

/**
 * A snapshot that asks its node for nothing twice, however many of its readers want the same: its state does not change.
 * @param expectedKeys - public keys, 48 bytes each, whose deposits somebody will ask for later: the node gives a whole queue,
 *   of which only what was wanted is kept
 */
export function rememberSnapshot(
  snapshot: BeaconSnapshot,
  expectedKeys: readonly Uint8Array[],
): BeaconSnapshot {
  const validators = new Map<Hex, Promise<ReadonlyMap<Hex, StateValidator>>>();
  let partials: ReturnType<BeaconSnapshot['fetchPendingPartialWithdrawals']> | undefined;
  let consolidations: ReturnType<BeaconSnapshot['fetchPendingConsolidations']> | undefined;
  let deposits:
    | { readonly of: ReadonlySet<Hex>; readonly answer: Promise<readonly PendingDeposit[]> }
    | undefined;

  return {
    head: snapshot.head,
    async fetchValidators(publicKeys) {
      const unknown = publicKeys.filter(publicKey => !validators.has(toHex(publicKey)));
      if (unknown.length > 0) {
        const answer = snapshot.fetchValidators(unknown);
        for (const publicKey of unknown) validators.set(toHex(publicKey), answer);
      }
      const found: [Hex, StateValidator][] = [];
      for (const publicKey of publicKeys) {
        const key = toHex(publicKey);
        const validator = (await validators.get(key))?.get(key);
        if (validator !== undefined) found.push([key, validator]);
      }
      return new Map(found);
    },
    async fetchPendingDeposits(publicKeys) {
      const wanted = new Set(publicKeys.map(toHex));
      if (deposits === undefined || ![...wanted].every(key => deposits?.of.has(key))) {
        const keys = [...publicKeys, ...expectedKeys];
        deposits = { of: new Set(keys.map(toHex)), answer: snapshot.fetchPendingDeposits(keys) };
      }
      return (await deposits.answer).filter(({ publicKey }) => wanted.has(toHex(publicKey)));
    },
    fetchPendingPartialWithdrawals() {
      partials ??= snapshot.fetchPendingPartialWithdrawals();
      return partials;
    },
    fetchPendingConsolidations() {
      consolidations ??= snapshot.fetchPendingConsolidations();
      return consolidations;
    },
  };
}
