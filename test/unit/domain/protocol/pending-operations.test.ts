import { describe, expect, it } from 'vitest';
import { findPendingOperations } from '../../../../src/domain/protocol/pending-operations.ts';
import {
  PLANNED_EPOCH as EPOCH,
  ETHER_GWEI as ETHER,
  plannedKey,
  plannedValidator,
  STRANGER,
  PLANNED_VAULT as VAULT,
  waitingRequests,
} from '../../../support/scenes/planned-validators.ts';

const validators = [
  plannedValidator(1n, { balanceGwei: 40n * ETHER }),
  plannedValidator(2n, { balanceGwei: 33n * ETHER }),
  plannedValidator(3n, { status: 'active_exiting' }),
];
const find = (waiting: Parameters<typeof waitingRequests>[0]) =>
  findPendingOperations({ vault: VAULT, epoch: EPOCH, validators, waiting: waitingRequests(waiting) });
const withdrawal = (index: bigint, amountGwei: bigint, source = VAULT) => ({
  source,
  publicKey: plannedKey(index),
  amountGwei,
});

describe('findPendingOperations', () => {
  it('partial withdrawals of both layers are joined, those of the execution layer up to what will be paid', () => {
    const { partialsGwei } = find({
      partialWithdrawals: [
        { validatorIndex: 1n, amountGwei: 3n * ETHER },
        { validatorIndex: 1n, amountGwei: 1n * ETHER },
        { validatorIndex: 99n, amountGwei: 7n * ETHER },
      ],
      withdrawalRequests: [withdrawal(1n, 100n * ETHER), withdrawal(1n, ETHER), withdrawal(2n, 5n)],
    });
    expect(partialsGwei).toEqual(
      new Map([
        [1n, 8n * ETHER],
        [2n, 5n],
      ]),
    );
  });

  it('requests of strangers, for strangers, and void ones do not count', () => {
    const { partialsGwei, exits } = find({
      partialWithdrawals: [{ validatorIndex: 2n, amountGwei: 1n }],
      withdrawalRequests: [
        withdrawal(1n, 0n, STRANGER),
        withdrawal(99n, 0n),
        withdrawal(3n, 0n),
        // It has a partial withdrawal, and so cannot exit.
        withdrawal(2n, 0n),
      ],
    });
    expect(partialsGwei).toEqual(new Map([[2n, 1n]]));
    expect(exits).toEqual(new Set());
  });

  it('after an exit nothing else of the same validator counts', () => {
    const { partialsGwei, exits } = find({
      withdrawalRequests: [withdrawal(1n, 0n), withdrawal(1n, ETHER), withdrawal(1n, 0n)],
    });
    expect(exits).toEqual(new Set([1n]));
    expect(partialsGwei.size).toBe(0);
  });

  it('consolidations of both layers name their sources and targets, and what is not known of a source', () => {
    const found = find({
      consolidations: [
        { sourceIndex: 3n, targetIndex: 1n },
        { sourceIndex: 98n, targetIndex: 99n },
      ],
      consolidationRequests: [
        { source: VAULT, sourceKey: plannedKey(2n), targetKey: plannedKey(1n) },
        { source: VAULT, sourceKey: plannedKey(77n), targetKey: plannedKey(2n) },
        { source: STRANGER, sourceKey: plannedKey(1n), targetKey: plannedKey(3n) },
      ],
    });
    expect(found.consolidationSources).toEqual(new Set([3n, 2n]));
    expect(found.consolidationTargets).toEqual(new Set([1n, 2n]));
    expect(found.unclearTargets).toEqual(new Set([2n]));
    expect(found.incomingGwei).toEqual(new Map([[1n, 65n * ETHER]]));
  });
});
