import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compoundingCredentials, vaultCredentials } from '../../../../src/domain/consensus/deposit.ts';
import type { ValidatorState } from '../../../../src/domain/consensus/validator-state.ts';
import { findPendingOperations } from '../../../../src/domain/protocol/pending-operations.ts';
import { findUntouched } from '../../../../src/domain/protocol/untouched-validators.ts';
import {
  planWithdrawals,
  type WithdrawalPlanOptions,
} from '../../../../src/domain/protocol/withdrawal-plan.ts';
import {
  anyScene,
  PLANNED_EPOCH as EPOCH,
  ETHER_GWEI as ETHER,
  plannedOperations,
  plannedValidator,
  STRANGER,
  PLANNED_VAULT as VAULT,
} from '../../../support/scenes/planned-validators.ts';

function optionsOf(
  validators: readonly ValidatorState[],
  changes: Partial<WithdrawalPlanOptions> = {},
): WithdrawalPlanOptions {
  return {
    vault: VAULT,
    epoch: EPOCH,
    validators,
    pending: plannedOperations(),
    oracleExits: new Set(),
    missingGwei: ETHER,
    validatorMinActiveEpochs: 2250n,
    isWithoutExits: false,
    ...changes,
  };
}

describe('validators that a plan of withdrawals asks nothing of', () => {
  it('each of them has the reason that keeps it out, by index', () => {
    const full = { balanceGwei: 300n * ETHER };
    const validators = [
      plannedValidator(8n, full),
      plannedValidator(1n, { ...full, withdrawalCredentials: compoundingCredentials(STRANGER) }),
      plannedValidator(2n, { ...full, status: 'active_slashed' }),
      plannedValidator(3n, full),
      plannedValidator(4n, full),
      plannedValidator(5n, full),
      plannedValidator(6n, { activationEpoch: EPOCH - 300n }),
      plannedValidator(7n, { activationEpoch: EPOCH - 10n }),
      plannedValidator(9n, { ...full, balanceGwei: 200n * ETHER }),
    ];
    const pending = plannedOperations({ exits: new Set([3n]), consolidationSources: new Set([4n]) });
    const options = optionsOf(validators, { pending, oracleExits: new Set([5n]) });
    const plan = planWithdrawals(options);
    expect(plan.withdrawals.map(({ index }) => index)).toEqual([8n]);
    expect(findUntouched(options, plan)).toEqual([
      { index: 1n, reason: 'foreign' },
      { index: 2n, reason: 'exiting' },
      { index: 3n, reason: 'exit-requested' },
      { index: 4n, reason: 'consolidating' },
      { index: 5n, reason: 'oracles-exit' },
      { index: 6n, reason: 'too-young' },
      { index: 7n, reason: 'too-young' },
      { index: 9n, reason: 'not-needed' },
    ]);
  });

  it('validators without anything above 32 ETH are kept by that no exits are wanted', () => {
    const old = plannedValidator(1n, { withdrawalCredentials: vaultCredentials(VAULT) });
    const options = optionsOf([old], { isWithoutExits: true });
    expect(findUntouched(options, planWithdrawals(options))).toEqual([
      { index: 1n, reason: 'exits-switched-off' },
    ]);
  });

  it('every validator is asked something or has a reason, and none both', () => {
    fc.assert(
      fc.property(
        anyScene,
        fc.bigInt({ min: 1n, max: 500n }),
        ({ validators, waiting, oracleExits }, ether) => {
          const pending = findPendingOperations({ vault: VAULT, epoch: EPOCH, validators, waiting });
          const options = optionsOf(validators, { pending, oracleExits, missingGwei: ether * ETHER });
          const plan = planWithdrawals(options);
          const named = [...plan.withdrawals, ...findUntouched(options, plan)].map(({ index }) => index);
          expect(named.sort()).toEqual(validators.map(({ index }) => index).sort());
        },
      ),
    );
  });
});
