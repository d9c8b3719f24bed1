import fc from 'fast-check';
import { compoundingCredentials, vaultCredentials } from '../../../src/domain/consensus/deposit.ts';
import { VALIDATOR_STATUSES, type ValidatorState } from '../../../src/domain/consensus/validator-state.ts';
import type { PendingOperations, WaitingRequests } from '../../../src/domain/protocol/pending-operations.ts';

export const ETHER_GWEI = 1_000_000_000n;
export const PLANNED_VAULT = new Uint8Array(20).fill(0xa1);
export const STRANGER = new Uint8Array(20).fill(0xbb);
export const PLANNED_EPOCH = 400_000n;

/** A public key that is no point: 48 bytes that end with a number. */
export function plannedKey(index: bigint): Uint8Array {
  const key = new Uint8Array(48).fill(0xc0);
  new DataView(key.buffer).setBigUint64(40, index);
  return key;
}

/** A validator of the vault with 0x02 credentials, active for long, unless something else is said. */
export function plannedValidator(index: bigint, changes: Partial<ValidatorState> = {}): ValidatorState {
  const { balanceGwei = 32n * ETHER_GWEI } = changes;
  return {
    index,
    status: 'active_ongoing',
    publicKey: plannedKey(index),
    withdrawalCredentials: compoundingCredentials(PLANNED_VAULT),
    balanceGwei,
    effectiveBalanceGwei: balanceGwei - (balanceGwei % ETHER_GWEI),
    activationEpoch: 1000n,
    ...changes,
  };
}

/** Operations that wait: none, but what is said. */
export function plannedOperations(known: Partial<PendingOperations> = {}): PendingOperations {
  return {
    partialsGwei: new Map(),
    exits: new Set(),
    consolidationSources: new Set(),
    consolidationTargets: new Set(),
    incomingGwei: new Map(),
    unclearTargets: new Set(),
    ...known,
  };
}

/** Requests that wait: none, but what is said. */
export function waitingRequests(known: Partial<WaitingRequests> = {}): WaitingRequests {
  return {
    partialWithdrawals: [],
    consolidations: [],
    withdrawalRequests: [],
    consolidationRequests: [],
    ...known,
  };
}

const gwei = (maxEther: bigint) => fc.bigInt({ min: 0n, max: maxEther * ETHER_GWEI });

/** Balances where rules change, and any others. */
export const anyBalanceGwei = fc.oneof(
  gwei(2048n),
  gwei(40n),
  fc.constantFrom(32n * ETHER_GWEI, 32n * ETHER_GWEI + 1n, 300n * ETHER_GWEI, 0n),
);

const anyValidator = fc
  .record({
    status: fc.oneof(
      { weight: 4, arbitrary: fc.constant('active_ongoing' as const) },
      { weight: 1, arbitrary: fc.constantFrom(...VALIDATOR_STATUSES) },
    ),
    credentials: fc.constantFrom('own', 'own', 'own', 'old', 'foreign'),
    balanceGwei: anyBalanceGwei,
    /** How far the effective balance is behind. */
    lag: fc.constantFrom(0n, 0n, 0n, ETHER_GWEI, 2n * ETHER_GWEI),
    activationEpoch: fc.constantFrom(
      10n,
      PLANNED_EPOCH - 2250n,
      PLANNED_EPOCH - 2249n,
      PLANNED_EPOCH - 257n,
      PLANNED_EPOCH - 256n,
      PLANNED_EPOCH - 255n,
      2n ** 64n - 1n,
    ),
  })
  .map(({ credentials, lag, ...rest }) => {
    const whole = rest.balanceGwei - (rest.balanceGwei % ETHER_GWEI);
    const effectiveBalanceGwei = whole > lag ? whole - lag : 0n;
    const withdrawalCredentials =
      credentials === 'old'
        ? vaultCredentials(PLANNED_VAULT)
        : compoundingCredentials(credentials === 'own' ? PLANNED_VAULT : STRANGER);
    return { ...rest, effectiveBalanceGwei, withdrawalCredentials };
  });

const MOST = 12;
const anyIndex = fc.bigInt({ min: 1n, max: BigInt(MOST) + 2n });
const anySource = fc.constantFrom(PLANNED_VAULT, PLANNED_VAULT, STRANGER);

/** Validators of a vault, with indexes from 1, and what waits to be done with them; indexes of others are among it. */
export const anyScene = fc
  .record({
    validators: fc.array(anyValidator, { maxLength: MOST }),
    partialWithdrawals: fc.array(fc.record({ validatorIndex: anyIndex, amountGwei: gwei(10n) }), {
      maxLength: 4,
    }),
    consolidations: fc.array(fc.record({ sourceIndex: anyIndex, targetIndex: anyIndex }), { maxLength: 2 }),
    withdrawalRequests: fc.array(
      fc.record({
        source: anySource,
        publicKey: anyIndex.map(plannedKey),
        amountGwei: fc.oneof(fc.constant(0n), gwei(50n)),
      }),
      { maxLength: 4 },
    ),
    consolidationRequests: fc.array(
      fc.record({
        source: anySource,
        sourceKey: anyIndex.map(plannedKey),
        targetKey: anyIndex.map(plannedKey),
      }),
      { maxLength: 3 },
    ),
    oracleExits: fc.array(anyIndex, { maxLength: 2 }).map(indexes => new Set(indexes)),
  })
  .map(({ validators, oracleExits, consolidations, ...waiting }) => {
    const sources = new Set(consolidations.map(({ sourceIndex }) => sourceIndex));
    return {
      // The beacon chain has begun the exit of those that it is to consolidate.
      validators: validators.map((changes, place) => {
        const index = BigInt(place) + 1n;
        const status = sources.has(index) ? ('active_exiting' as const) : changes.status;
        return plannedValidator(index, { ...changes, status });
      }),
      oracleExits,
      waiting: { ...waiting, consolidations },
    };
  });

/** The same list in another order. */
export function shuffled<T>(list: readonly T[], seed: number): T[] {
  const order = list.map((item, place) => ({ item, at: Math.imul(place + 1, seed | 1) >>> 0 }));
  return order.sort((a, b) => a.at - b.at).map(({ item }) => item);
}
