import { describe, expect, it } from 'vitest';
import { vaultCredentials } from '../../../../src/domain/consensus/deposit.ts';
import {
  findWithdrawalFault,
  readRequestQueue,
  readWithdrawalRequests,
  requestSlots,
  type WithdrawalFault,
} from '../../../../src/domain/consensus/execution-requests.ts';
import { VALIDATOR_STATUSES, type ValidatorState } from '../../../../src/domain/consensus/validator-state.ts';
import {
  PLANNED_EPOCH as EPOCH,
  ETHER_GWEI as ETHER,
  plannedValidator,
  STRANGER,
  PLANNED_VAULT as VAULT,
} from '../../../support/scenes/planned-validators.ts';

describe('findWithdrawalFault', () => {
  const fault = (
    amountGwei: bigint,
    changes: Partial<ValidatorState> = {},
    state: { readonly pendingGwei?: bigint; readonly isQueueFull?: boolean } = {},
    source = VAULT,
  ) =>
    findWithdrawalFault(
      { source, amountGwei },
      plannedValidator(1n, { balanceGwei: 40n * ETHER, ...changes }),
      { epoch: EPOCH, pendingGwei: 0n, ...state },
    );

  it('an exit and a partial withdrawal of a validator that is old enough are good', () => {
    expect([fault(0n), fault(1n)]).toEqual([undefined, undefined]);
    expect(fault(0n, { activationEpoch: EPOCH - 256n })).toBeUndefined();
    expect(fault(0n, { withdrawalCredentials: vaultCredentials(VAULT) })).toBeUndefined();
  });

  it('requests are void for each reason that Electra has', () => {
    const found: readonly (readonly [WithdrawalFault | undefined, WithdrawalFault | undefined])[] = [
      [fault(1n, {}, { isQueueFull: true }), 'queue-full'],
      [fault(0n, {}, { isQueueFull: true }), undefined],
      [fault(0n, {}, {}, STRANGER), 'foreign'],
      [fault(0n, { activationEpoch: EPOCH - 255n }), 'too-young'],
      [fault(0n, {}, { pendingGwei: 1n }), 'partials-pending'],
      [fault(1n, { withdrawalCredentials: vaultCredentials(VAULT) }), 'not-compounding'],
      [fault(1n, { balanceGwei: 32n * ETHER }), 'nothing-to-withdraw'],
      [fault(1n, {}, { pendingGwei: 8n * ETHER }), 'nothing-to-withdraw'],
      [fault(1n, {}, { pendingGwei: 8n * ETHER - 1n }), undefined],
      [fault(1n, { effectiveBalanceGwei: 31n * ETHER }), 'nothing-to-withdraw'],
    ];
    expect(found.map(([is]) => is)).toEqual(found.map(([, expected]) => expected));
  });

  it('only validators that are active and stay so are asked for anything', () => {
    const good = VALIDATOR_STATUSES.filter(status => fault(0n, { status }) === undefined);
    expect(good).toEqual(['active_ongoing']);
    expect(fault(0n, { status: 'active_slashed' })).toBe('exiting');
    expect(fault(0n, { status: 'pending_queued' })).toBe('not-active');
  });
});

describe('the queue of a system contract', () => {
  it('readRequestQueue knows a contract that has not begun, and an empty queue', () => {
    expect(readRequestQueue([2n ** 256n - 1n, 0n, 0n, 0n]).excess).toBeUndefined();
    expect(requestSlots('withdrawal', readRequestQueue([7n, 0n, 3n, 3n]))).toEqual([]);
  });

  it('requestSlots are the slots of what waits, behind the header', () => {
    expect(requestSlots('withdrawal', { head: 1n, tail: 3n })).toEqual([7n, 8n, 9n, 10n, 11n, 12n]);
    expect(requestSlots('consolidation', { head: 2n, tail: 3n })).toEqual([12n, 13n, 14n, 15n]);
  });

  it('words that are no whole requests are refused', () => {
    expect(() => readWithdrawalRequests([1n, 2n])).toThrow(RangeError);
    expect(() => readWithdrawalRequests([2n ** 256n, 2n, 3n])).toThrow(RangeError);
  });
});
