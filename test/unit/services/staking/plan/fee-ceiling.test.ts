import { expect, it } from 'vitest';
import { describeCeiling } from '../../../../../src/services/staking/plan/fee-ceiling.ts';

const GWEI = 10n ** 9n;

it.each([
  [4n, 1n, undefined],
  [4n, 2n, 'Top-ups and withdrawals are not sent while the base fee is 4'],
  [9n, 0n, 'Top-ups and withdrawals are not sent while the base fee is 9'],
  [10n, 0n, 'No transaction is sent while the base fee is 10'],
])(
  'a base fee of %i gwei and a priority fee of %i under a ceiling of 10 are told as %s',
  (base, priority, told) => {
    const costs = { baseFeePerGasWei: base * GWEI, priorityFeePerGasWei: priority * GWEI };
    const text = describeCeiling(costs, 10n);
    if (told === undefined) expect(text).toBeUndefined();
    else expect(text).toMatch(new RegExp(`^${told}.*the ceiling is 10 gwei`));
  },
);
