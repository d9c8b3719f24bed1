import { describe, expect, it } from 'vitest';
import {
  describeShortfall,
  type ExpectedCall,
  isShortOf,
  type UnpaidCall,
} from '../../../src/transactions/expected-funds.ts';

const GWEI = 10n ** 9n;
const HOUR_MS = 3_600_000;
// Twice the base fee and the tip: 21 gwei for a unit of gas.
const MARKET = { baseFeePerGasWei: 10n * GWEI, priorityFeeWei: GWEI };
const FEE = 21n * GWEI;
const ceilings = { maxFeePerGasWei: 100n * GWEI };
const registration: ExpectedCall = { kind: 'register-validators', validators: 2 };
const UNPAID: UnpaidCall = { ...registration, gasLimit: 500_000n, balanceWei: 400_000n * FEE, atMs: 0 };

function isShort(
  balanceWei: bigint,
  {
    expected = registration,
    last,
    nowMs = 0,
    baseFeePerGasWei = MARKET.baseFeePerGasWei,
  }: {
    readonly expected?: ExpectedCall;
    readonly last?: UnpaidCall;
    readonly nowMs?: number;
    readonly baseFeePerGasWei?: bigint;
  } = {},
): boolean {
  const block = { number: 1, timestamp: 1n, baseFeePerGasWei };
  const account = { block, priorityFeeWei: MARKET.priorityFeeWei, balanceWei } as Parameters<
    typeof isShortOf
  >[1];
  return isShortOf(expected, account, { ceilings, last, nowMs });
}

describe('isShortOf', () => {
  const least = (21_000n + 2n * 30_000n) * FEE;

  it.each([
    ['an empty wallet', 0n, {}, true],
    ['one wei less than the least that two validators take', least - 1n, {}, true],
    ['the least that two validators take', least, {}, false],
    [
      'one wei less than any transaction takes',
      21_000n * FEE - 1n,
      { expected: { kind: 'update-exit-signatures', validators: 9 } },
      true,
    ],
    [
      'what any transaction takes',
      21_000n * FEE,
      { expected: { kind: 'update-exit-signatures', validators: 9 } },
      false,
    ],
    [
      'one wei less than the gas and the ether of withdrawals',
      21_000n * FEE + 6n,
      { expected: { kind: 'withdraw-validators', validators: 2, valueWei: 7n } },
      true,
    ],
    [
      'the gas and the ether of withdrawals',
      21_000n * FEE + 7n,
      { expected: { kind: 'withdraw-validators', validators: 2, valueWei: 7n } },
      false,
    ],
    [
      'one wei less than two top-ups take',
      least - 1n,
      { expected: { ...registration, kind: 'fund-validators' } },
      true,
    ],
    ['an empty wallet above the ceiling of fees', 0n, { baseFeePerGasWei: 200n * GWEI }, false],
    ['as little as did not do the last time', UNPAID.balanceWei, { last: UNPAID }, true],
    [
      'the same when fees have fallen enough',
      UNPAID.balanceWei,
      { last: UNPAID, baseFeePerGasWei: 7n * GWEI },
      false,
    ],
    ['one wei more than did not do the last time', UNPAID.balanceWei + 1n, { last: UNPAID }, false],
    ['the same after an hour', UNPAID.balanceWei, { last: UNPAID, nowMs: HOUR_MS }, false],
    ['the same just before', UNPAID.balanceWei, { last: UNPAID, nowMs: HOUR_MS - 1 }, true],
    [
      'the same for fewer validators',
      UNPAID.balanceWei,
      { last: UNPAID, expected: { ...registration, validators: 1 } },
      false,
    ],
    [
      'the same for more validators',
      UNPAID.balanceWei,
      { last: UNPAID, expected: { ...registration, validators: 3 } },
      true,
    ],
    [
      'the same for another kind of call',
      UNPAID.balanceWei,
      { last: UNPAID, expected: { kind: 'update-exit-signatures', validators: 2 } },
      false,
    ],
  ] as const)('isShortOf judges a wallet with %s', (_, balanceWei, options, short) => {
    expect(isShort(balanceWei, options)).toBe(short);
  });
});

it('describeShortfall tells what the wallet holds in the currency of the chain', () => {
  const shortfall = { address: '0xWallet', balanceWei: 1_500_000_000_000_000n };
  expect(describeShortfall(shortfall, { currency: 'ETH' })).toBe(
    'more ETH in the wallet 0xWallet: the 0.0015 ETH that it holds do not pay for the transaction',
  );
});
