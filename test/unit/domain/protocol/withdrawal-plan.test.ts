import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vaultCredentials } from '../../../../src/domain/consensus/deposit.ts';
import type { ValidatorState } from '../../../../src/domain/consensus/validator-state.ts';
import { findPendingOperations } from '../../../../src/domain/protocol/pending-operations.ts';
import {
  comingInGwei,
  isWithdrawalQueueFull,
  planExits,
  planWithdrawals,
  type WithdrawalPlanOptions,
} from '../../../../src/domain/protocol/withdrawal-plan.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import {
  anyScene,
  PLANNED_EPOCH as EPOCH,
  ETHER_GWEI as ETHER,
  plannedKey,
  plannedOperations,
  plannedValidator,
  STRANGER,
  shuffled,
  PLANNED_VAULT as VAULT,
  waitingRequests,
} from '../../../support/scenes/planned-validators.ts';

/** Electra's rules for requests, written down a second time from the consensus specification, without the program's code. */
class ElectraState {
  readonly #validators: ReadonlyMap<string, ValidatorState>;
  readonly #pending = new Map<bigint, bigint>();
  readonly #exiting = new Set<bigint>();

  constructor(
    validators: readonly ValidatorState[],
    partials: readonly { readonly validatorIndex: bigint; readonly amountGwei: bigint }[],
  ) {
    this.#validators = new Map(validators.map(one => [toHex(one.publicKey), one]));
    for (const { validatorIndex, amountGwei } of partials) this.#add(validatorIndex, amountGwei);
  }

  /** @returns what comes back by it; undefined when the request is void */
  withdraw(source: Uint8Array, publicKey: Uint8Array, amountGwei: bigint): bigint | undefined {
    const validator = this.#validators.get(toHex(publicKey));
    if (validator === undefined || !this.#mayAsk(source, validator)) return undefined;
    const { index, balanceGwei } = validator;
    const pending = this.#pending.get(index) ?? 0n;
    if (amountGwei === 0n) {
      if (pending > 0n) return undefined;
      this.#exiting.add(index);
      return balanceGwei;
    }
    const isCompounding = validator.withdrawalCredentials[0] === 2;
    const excess = balanceGwei - 32n * ETHER - pending;
    if (!isCompounding || validator.effectiveBalanceGwei < 32n * ETHER || excess <= 0n) return undefined;
    const taken = amountGwei < excess ? amountGwei : excess;
    this.#add(index, taken);
    return taken;
  }

  /** @returns whether the consolidation happens */
  consolidate(source: Uint8Array, sourceKey: Uint8Array, targetKey: Uint8Array): boolean {
    const from = this.#validators.get(toHex(sourceKey));
    const to = this.#validators.get(toHex(targetKey));
    if (from === undefined || to === undefined || !this.#mayAsk(source, from)) return false;
    if (to.status !== 'active_ongoing' || this.#exiting.has(to.index)) return false;
    if (from === to || to.withdrawalCredentials[0] !== 2) return false;
    if ((this.#pending.get(from.index) ?? 0n) > 0n) return false;
    this.#exiting.add(from.index);
    return true;
  }

  #mayAsk(source: Uint8Array, { index, status, withdrawalCredentials, activationEpoch }: ValidatorState) {
    return (
      toHex(withdrawalCredentials.subarray(12)) === toHex(source) &&
      status === 'active_ongoing' &&
      !this.#exiting.has(index) &&
      EPOCH >= activationEpoch + 256n
    );
  }

  #add(index: bigint, amountGwei: bigint): void {
    this.#pending.set(index, (this.#pending.get(index) ?? 0n) + amountGwei);
  }
}

const RUNS = { seed: 15, numRuns: 1000 };
const anyMissing = fc.oneof(
  fc.bigInt({ min: 0n, max: 5000n * ETHER }),
  fc.bigInt({ min: 0n, max: 100n * ETHER }),
);

/** A plan, and what it was made of. */
function planScene(
  { validators, waiting, oracleExits }: typeof anyScene extends fc.Arbitrary<infer Scene> ? Scene : never,
  missingGwei: bigint,
  isWithoutExits: boolean,
) {
  const options: WithdrawalPlanOptions = {
    vault: VAULT,
    epoch: EPOCH,
    validators,
    pending: findPendingOperations({ vault: VAULT, epoch: EPOCH, validators, waiting }),
    oracleExits,
    missingGwei,
    validatorMinActiveEpochs: 2250n,
    isWithoutExits,
  };
  return { options, plan: planWithdrawals(options) };
}

describe('planWithdrawals', () => {
  it('no request is void, or makes a consolidation of the vault void, by the rules of Electra', () => {
    fc.assert(
      fc.property(anyScene, anyMissing, fc.boolean(), (scene, missing, isWithoutExits) => {
        const { plan } = planScene(scene, missing, isWithoutExits);
        const { validators, waiting } = scene;
        /** Consolidations that happen, and what comes back by the plan, when this is done after what waits. */
        const play = (withdrawals: typeof plan.withdrawals) => {
          const state = new ElectraState(validators, waiting.partialWithdrawals);
          for (const one of waiting.withdrawalRequests) {
            state.withdraw(one.source, one.publicKey, one.amountGwei);
          }
          const returned = withdrawals.map(one => state.withdraw(VAULT, one.publicKey, one.amountGwei));
          const consolidated = waiting.consolidationRequests.map(one =>
            state.consolidate(one.source, one.sourceKey, one.targetKey),
          );
          return { returned, consolidated };
        };
        const played = play(plan.withdrawals);
        expect(played.returned).toEqual(plan.withdrawals.map(({ returnsGwei }) => returnsGwei));
        const own = waiting.consolidationRequests.map(({ source }) => source === VAULT);
        expect(played.consolidated.filter((_, i) => own[i])).toEqual(
          play([]).consolidated.filter((_, i) => own[i]),
        );
      }),
      RUNS,
    );
  });

  it('sums are exact: partial withdrawals bring what is missing to the gwei, and no validator is asked twice', () => {
    fc.assert(
      fc.property(anyScene, anyMissing, fc.boolean(), (scene, missing, isWithoutExits) => {
        const { plan } = planScene(scene, missing, isWithoutExits);
        const sumOf = (kind: 'exit' | 'partial') =>
          plan.withdrawals
            .filter(one => one.kind === kind)
            .reduce((sum, { returnsGwei }) => sum + returnsGwei, 0n);
        const afterExits = missing - sumOf('exit');
        expect(plan.uncoveredGwei).toBe(afterExits > 0n ? afterExits - sumOf('partial') : 0n);
        if (afterExits <= 0n) expect(sumOf('partial')).toBe(0n);
        expect(new Set(plan.withdrawals.map(({ index }) => index)).size).toBe(plan.withdrawals.length);
        if (isWithoutExits) expect(sumOf('exit')).toBe(0n);
        if (missing === 0n) expect(plan.withdrawals).toEqual([]);
        // No exit too many: without the last one, something would be missing.
        const exits = plan.withdrawals.filter(({ kind }) => kind === 'exit');
        const last = exits.at(-1)?.returnsGwei ?? 0n;
        if (exits.length > 0) expect(afterExits + last).toBeGreaterThan(0n);
      }),
      RUNS,
    );
  });

  it('the order in which validators and requests come decides nothing', () => {
    fc.assert(
      fc.property(anyScene, anyMissing, fc.integer(), (scene, missing, seed) => {
        const { plan } = planScene(scene, missing, false);
        const { waiting } = scene;
        const other = {
          ...scene,
          validators: shuffled(scene.validators, seed),
          waiting: {
            ...waiting,
            partialWithdrawals: shuffled(waiting.partialWithdrawals, seed),
            consolidations: shuffled(waiting.consolidations, seed),
            consolidationRequests: shuffled(waiting.consolidationRequests, seed),
          },
        };
        expect(planScene(other, missing, false).plan).toEqual(plan);
      }),
      RUNS,
    );
  });

  const plan = (validators: readonly ValidatorState[], changes: Partial<WithdrawalPlanOptions> = {}) =>
    planWithdrawals({
      vault: VAULT,
      epoch: EPOCH,
      validators,
      pending: plannedOperations(),
      oracleExits: new Set(),
      missingGwei: 5n * ETHER,
      validatorMinActiveEpochs: 2250n,
      isWithoutExits: false,
      ...changes,
    });

  it('a validator whose effective balance is below 32 ETH is not partially withdrawn, however high its balance', () => {
    const lagging = plannedValidator(1n, { balanceGwei: 40n * ETHER, effectiveBalanceGwei: 31n * ETHER });
    expect(plan([lagging], { isWithoutExits: true })).toEqual({
      withdrawals: [],
      uncoveredGwei: 5n * ETHER,
    });
  });

  it('slashed validators and sources of waiting consolidations are asked for nothing', () => {
    const validators = [
      plannedValidator(1n, { balanceGwei: 40n * ETHER, status: 'active_slashed' }),
      plannedValidator(2n, { balanceGwei: 40n * ETHER }),
    ];
    const pending = plannedOperations({ consolidationSources: new Set([2n]) });
    expect(plan(validators, { pending }).withdrawals).toEqual([]);
  });

  it('the target of a consolidation is partially withdrawn, but does not exit', () => {
    const validators = [plannedValidator(1n, { balanceGwei: 40n * ETHER })];
    const pending = plannedOperations({ consolidationTargets: new Set([1n]) });
    expect(plan(validators, { pending }).withdrawals).toMatchObject([
      { kind: 'partial', amountGwei: 5n * ETHER },
    ]);
    expect(plan(validators, { pending, missingGwei: 20n * ETHER }).withdrawals).toEqual([]);
  });

  it('a validator of type 0x01 is never partially withdrawn', () => {
    const old = plannedValidator(1n, {
      balanceGwei: 40n * ETHER,
      withdrawalCredentials: vaultCredentials(VAULT),
    });
    expect(plan([old]).withdrawals).toMatchObject([{ kind: 'exit', amountGwei: 0n }]);
    expect(plan([old], { isWithoutExits: true }).withdrawals).toEqual([]);
  });
});

describe('comingInGwei', () => {
  const validators = [
    plannedValidator(1n, { balanceGwei: 100n * ETHER }),
    plannedValidator(2n, { balanceGwei: 50n * ETHER, status: 'active_exiting' }),
    plannedValidator(3n, { balanceGwei: 33n * ETHER }),
  ];
  const sum = (known: Parameters<typeof plannedOperations>[0], oracleExits: readonly bigint[] = []) =>
    comingInGwei({
      validators,
      pending: plannedOperations(known),
      oracleExits: new Set(oracleExits),
    });

  it('partial withdrawals count for validators that stay, not for those that exit, whose balance has them in it', () => {
    const partialsGwei = new Map([
      [1n, 10n * ETHER],
      [2n, 10n * ETHER],
    ]);
    expect(sum({ partialsGwei })).toBe(60n * ETHER);
    expect(sum({ partialsGwei }, [1n])).toBe(150n * ETHER);
  });

  it('an exit that waits in the execution layer counts with the whole balance', () => {
    expect(sum({ exits: new Set([3n]) })).toBe(83n * ETHER);
    expect(sum({ exits: new Set([3n]) }, [3n])).toBe(83n * ETHER);
  });

  it('the balance of a consolidation’s source does not come back', () => {
    expect(sum({ consolidationSources: new Set([2n]) })).toBe(0n);
  });
});

describe('planWithdrawals beside deposits that wait', () => {
  it('no validator that a deposit waits for exits, and what can be had of it otherwise is', () => {
    fc.assert(
      fc.property(anyScene, anyMissing, fc.nat({ max: 3 }), (scene, missing, every) => {
        const { options, plan: before } = planScene(scene, missing, false);
        const awaitingDeposits = new Set(
          options.validators.map(({ index }) => index).filter(index => Number(index) % 4 <= every),
        );
        const { withdrawals } = planWithdrawals({ ...options, awaitingDeposits });
        const exits = withdrawals.filter(({ kind }) => kind === 'exit');
        expect(exits.filter(({ index }) => awaitingDeposits.has(index))).toEqual([]);
        if (before.withdrawals.every(({ kind }) => kind === 'partial'))
          expect(withdrawals).toEqual(before.withdrawals);
      }),
      RUNS,
    );
  });
});

describe('isWithdrawalQueueFull', () => {
  it('isWithdrawalQueueFull counts what waits in both layers', () => {
    expect(isWithdrawalQueueFull(134_217_727, 0)).toBe(false);
    expect(isWithdrawalQueueFull(134_217_727, 1)).toBe(true);
  });
});

describe('planExits', () => {
  const validators = [
    plannedValidator(1n, { activationEpoch: 3000n }),
    plannedValidator(2n, { activationEpoch: 2000n }),
    plannedValidator(3n, { activationEpoch: EPOCH - 255n }),
    plannedValidator(4n, { status: 'active_slashed' }),
    plannedValidator(5n, { status: 'pending_queued', activationEpoch: 2n ** 64n - 1n }),
    plannedValidator(6n, { balanceGwei: 40n * ETHER }),
    plannedValidator(7n),
    plannedValidator(8n),
    plannedValidator(9n, { activationEpoch: EPOCH - 256n }),
  ];
  const pending = findPendingOperations({
    vault: VAULT,
    epoch: EPOCH,
    validators,
    waiting: waitingRequests({
      withdrawalRequests: [
        { source: VAULT, publicKey: plannedKey(6n), amountGwei: 1n },
        { source: VAULT, publicKey: plannedKey(7n), amountGwei: 0n },
        { source: STRANGER, publicKey: plannedKey(1n), amountGwei: 0n },
      ],
      consolidationRequests: [{ source: VAULT, sourceKey: plannedKey(8n), targetKey: plannedKey(8n) }],
    }),
  });
  const facts = { vault: VAULT, epoch: EPOCH, validators, pending };

  it('planExits takes those that may exit, the longest active first, and says why it leaves out the others', () => {
    const { exits, refused } = planExits(facts);
    expect(exits.map(({ index }) => index)).toEqual([2n, 1n, 9n]);
    expect(refused).toEqual([
      { index: 3n, reason: 'too-young' },
      { index: 4n, reason: 'exiting' },
      { index: 5n, reason: 'too-young' },
      { index: 6n, reason: 'partials-pending' },
      { index: 7n, reason: 'exit-requested' },
      { index: 8n, reason: 'consolidating' },
    ]);
  });

  it('planExits takes the named ones only, once each, and as many as are wanted', () => {
    expect(planExits({ ...facts, indexes: [9n, 77n, 9n, 4n] })).toMatchObject({
      exits: [{ index: 9n }],
      refused: [
        { index: 4n, reason: 'exiting' },
        { index: 77n, reason: 'foreign' },
      ],
    });
    expect(planExits({ ...facts, count: 1 }).exits.map(({ index }) => index)).toEqual([2n]);
    expect(planExits({ ...facts, oracleExits: new Set([2n]), count: 1 }).exits).toMatchObject([
      { index: 1n },
    ]);
  });

  it('planExits leaves out validators that a deposit waits for, unless they are named', () => {
    const awaitingDeposits = new Set([2n, 6n]);
    const { exits, refused } = planExits({ ...facts, awaitingDeposits, count: 2 });
    expect(exits.map(({ index }) => index)).toEqual([1n, 9n]);
    expect(refused).toContainEqual({ index: 2n, reason: 'deposit-pending' });
    // What would make the request void is said first.
    expect(refused).toContainEqual({ index: 6n, reason: 'partials-pending' });
    expect(planExits({ ...facts, awaitingDeposits, indexes: [2n, 6n] })).toMatchObject({
      exits: [{ index: 2n }],
      refused: [{ index: 6n, reason: 'partials-pending' }],
    });
  });

  it('no exit is void by the rules of Electra, nor any validator twice', () => {
    fc.assert(
      fc.property(anyScene, ({ validators, waiting }) => {
        const pending = findPendingOperations({ vault: VAULT, epoch: EPOCH, validators, waiting });
        const { exits, refused } = planExits({ vault: VAULT, epoch: EPOCH, validators, pending });
        const state = new ElectraState(validators, waiting.partialWithdrawals);
        for (const one of waiting.withdrawalRequests) {
          state.withdraw(one.source, one.publicKey, one.amountGwei);
        }
        const returned = exits.map(({ publicKey }) => state.withdraw(VAULT, publicKey, 0n));
        expect(returned).toEqual(exits.map(({ balanceGwei }) => balanceGwei));
        const told = [...exits, ...refused].map(({ index }) => index);
        expect(new Set(told).size).toBe(validators.length);
        expect(told).toHaveLength(validators.length);
      }),
      RUNS,
    );
  });
});
