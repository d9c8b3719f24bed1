import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vaultCredentials } from '../../../../src/domain/consensus/deposit.ts';
import { findPendingOperations } from '../../../../src/domain/protocol/pending-operations.ts';
import { findFundingCandidates, planFunding } from '../../../../src/domain/protocol/staking-plan.ts';
import { type FundingView, findUnfunded } from '../../../../src/domain/protocol/unfunded-validators.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import {
  anyScene,
  PLANNED_EPOCH as EPOCH,
  ETHER_GWEI as ETHER,
  plannedKey,
  plannedOperations,
  plannedValidator,
  PLANNED_VAULT as VAULT,
} from '../../../support/scenes/planned-validators.ts';

const LIMITS = { maxValidatorBalanceGwei: 300n * ETHER, minDepositAmountGwei: 10n * ETHER };

/** What is decided of these validators when so much is there. */
function viewOf(
  seen: Pick<FundingView, 'publicKeys' | 'validators' | 'pending'>,
  assetsGwei: bigint,
): FundingView {
  const candidates = findFundingCandidates({ vault: VAULT, pendingDeposits: [], ...seen });
  const chosen = planFunding(candidates, assetsGwei, LIMITS);
  return { ...LIMITS, ...seen, vault: VAULT, candidates, chosen, reserved: [], untracked: [] };
}

describe('validators that get no top-up', () => {
  it('each of them has the reason that keeps it out, in the order of their registration', () => {
    const validators = [
      plannedValidator(1n, { balanceGwei: 200n * ETHER }),
      plannedValidator(2n, { balanceGwei: 295n * ETHER }),
      plannedValidator(3n, { status: 'active_exiting' }),
      plannedValidator(4n, { withdrawalCredentials: vaultCredentials(VAULT) }),
      plannedValidator(5n),
      plannedValidator(6n),
      plannedValidator(7n),
    ];
    const publicKeys = [...validators.map(({ publicKey }) => publicKey), plannedKey(99n)];
    const pending = plannedOperations({ exits: new Set([5n]), consolidationSources: new Set([6n]) });
    const view = viewOf({ publicKeys, validators, pending }, 100n * ETHER);
    expect(findUnfunded(view).map(({ index, reason }) => [index, reason])).toEqual([
      [2n, 'full'],
      [3n, 'exiting'],
      [4n, 'other-credentials'],
      [5n, 'exit-requested'],
      [6n, 'consolidating'],
      [7n, 'not-enough-assets'],
      [undefined, 'unknown'],
    ]);
  });

  it('what is kept for later, and what the vault refuses, is told as such', () => {
    const validators = [plannedValidator(1n), plannedValidator(2n)];
    const [first, second] = validators.map(({ publicKey }) => publicKey) as [Uint8Array, Uint8Array];
    const seen = { publicKeys: [first, second], validators, pending: plannedOperations() };
    const view = { ...viewOf(seen, 0n), reserved: [{ publicKey: first }], untracked: [toHex(second)] };
    expect(findUnfunded(view).map(({ reason }) => reason)).toEqual(['interval', 'untracked']);
  });

  it('every validator gets something or has a reason, and none both', () => {
    fc.assert(
      fc.property(anyScene, fc.bigInt({ min: 0n, max: 900n }), ({ validators, waiting }, ether) => {
        const pending = findPendingOperations({ vault: VAULT, epoch: EPOCH, validators, waiting });
        const publicKeys = validators.map(({ publicKey }) => publicKey);
        const view = viewOf({ publicKeys, validators, pending }, ether * ETHER);
        const named = [...view.chosen, ...findUnfunded(view)].map(({ publicKey }) => toHex(publicKey));
        expect(named.sort()).toEqual(publicKeys.map(toHex).sort());
      }),
    );
  });
});
