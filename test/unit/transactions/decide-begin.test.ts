import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccountView } from '../../../src/clients/execution/read-transactions.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import { type BeginStep, type BeginView, decideBegin } from '../../../src/transactions/decide-begin.ts';
import type { TransactionIntent } from '../../../src/transactions/transaction.ts';

const RULES = { maxFeePerGasWei: 100n * GWEI };
const ACCOUNT: AccountView = {
  block: { number: 100, timestamp: 1_000n, baseFeePerGasWei: 10n * GWEI },
  priorityFeeWei: GWEI,
  nonce: 5n,
  pendingNonce: 5n,
  balanceWei: 10n ** 18n,
};
const accountWith = (more: Partial<AccountView>): AccountView => ({ ...ACCOUNT, ...more });
const atSecond = (timestamp: bigint) =>
  accountWith({ block: { number: 100, timestamp, baseFeePerGasWei: 10n * GWEI } });
const withBaseFee = (baseFeePerGasWei: bigint) =>
  accountWith({ block: { number: 100, timestamp: 1_000n, baseFeePerGasWei } });
const HALF_OF_99 = { number: 100, timestamp: 1_000n, baseFeePerGasWei: (99n * GWEI) / 2n };

const NOT_DONE = { isDone: false, isOutdated: false };
const PASSES = { ...NOT_DONE, estimate: { status: 'passes', gas: 50_000n } } as const;
const NOTHING_RECORDED = { ...PASSES, recordedFees: { own: undefined, all: undefined } };
const recorded = (maxFeeWei: bigint, maxPriorityFeeWei: bigint) => ({
  ...PASSES,
  recordedFees: { own: undefined, all: { maxFeeWei, maxPriorityFeeWei } },
});
const MARKET_FEES = { maxFeeWei: 21n * GWEI, maxPriorityFeeWei: GWEI };
const BEGIN: BeginStep = { kind: 'begin', gasLimit: 60_000n, fees: MARKET_FEES };
/** What sixty thousand gas cost at the most. */
const PRICE_WEI = 60_000n * 21n * GWEI;

interface Begin {
  readonly intent?: Pick<TransactionIntent, 'deadline' | 'isPatient' | 'valueWei'>;
  readonly view?: Partial<BeginView>;
  readonly step: BeginStep;
}

const TABLE: readonly (readonly [title: string, begin: Begin])[] = [
  ['it asks first whether the call has been done', { step: { kind: 'ask', fact: 'isDone' } }],
  [
    'a call has not expired one second before its deadline',
    {
      intent: { deadline: 1_000n },
      view: { account: atSecond(999n) },
      step: { kind: 'ask', fact: 'isDone' },
    },
  ],
  [
    'a call has expired at the very second of its deadline, before anything is asked',
    {
      intent: { deadline: 1_000n },
      view: { account: atSecond(1_000n) },
      step: { kind: 'refuse', outcome: { status: 'expired' } },
    },
  ],
  [
    'a call that has been done is not sent',
    { view: { isDone: true }, step: { kind: 'refuse', outcome: { status: 'already-done' } } },
  ],
  [
    'a call that has not been done may have had its occasion: that is asked next',
    { view: { isDone: false }, step: { kind: 'ask', fact: 'isOutdated' } },
  ],
  [
    'a call whose occasion has passed is not sent',
    {
      view: { ...PASSES, isOutdated: true },
      step: { kind: 'refuse', outcome: { status: 'outdated' } },
    },
  ],
  ['a call that has not been done is simulated', { view: NOT_DONE, step: { kind: 'ask', fact: 'estimate' } }],
  [
    'a call that would revert is not sent, and says what the contract answered',
    {
      view: { ...NOT_DONE, estimate: { status: 'reverts', reason: 'no', data: '0x12' } },
      step: { kind: 'refuse', outcome: { status: 'would-revert', reason: 'no', data: '0x12' } },
    },
  ],
  [
    'a base fee one wei below the ceiling is paid',
    {
      view: { ...PASSES, account: withBaseFee(100n * GWEI - 1n) },
      step: { kind: 'ask', fact: 'recordedFees' },
    },
  ],
  [
    'a base fee at the ceiling is waited for',
    { view: { ...PASSES, account: withBaseFee(100n * GWEI) }, step: { kind: 'wait-for-base-fee' } },
  ],
  [
    'a patient call waits as long as twice the base fee and the priority fee reach the ceiling',
    {
      intent: { isPatient: true },
      view: { ...PASSES, account: withBaseFee((99n * GWEI) / 2n) },
      step: { kind: 'wait-for-room' },
    },
  ],
  [
    'a patient call is begun when they are one wei below it',
    {
      intent: { isPatient: true },
      view: { ...PASSES, account: accountWith({ block: HALF_OF_99, priorityFeeWei: GWEI - 1n }) },
      step: { kind: 'ask', fact: 'recordedFees' },
    },
  ],
  [
    'any other call is begun then, below the ceiling',
    {
      view: { ...PASSES, account: withBaseFee((99n * GWEI) / 2n) },
      step: { kind: 'ask', fact: 'recordedFees' },
    },
  ],
  [
    'the fees of recorded forms are asked for last',
    { view: PASSES, step: { kind: 'ask', fact: 'recordedFees' } },
  ],
  [
    'where nothing is recorded the market’s fee is offered, with a fifth more gas',
    { view: NOTHING_RECORDED, step: BEGIN },
  ],
  [
    'what has expired under the same nonce is beaten by an eighth',
    {
      view: recorded(40n * GWEI, 2n * GWEI),
      step: {
        kind: 'begin',
        gasLimit: 60_000n,
        fees: { maxFeeWei: 45n * GWEI + 1n, maxPriorityFeeWei: 2_250_000_001n },
      },
    },
  ],
  [
    'what cannot be beaten below the ceiling is not beaten: the market’s fee is offered',
    { view: recorded(99n * GWEI, 2n * GWEI), step: BEGIN },
  ],
  [
    'a wallet that has exactly what the transaction may cost begins it',
    { view: { ...NOTHING_RECORDED, account: accountWith({ balanceWei: PRICE_WEI }) }, step: BEGIN },
  ],
  [
    'a wallet that lacks one wei does not',
    {
      view: { ...NOTHING_RECORDED, account: accountWith({ balanceWei: PRICE_WEI - 1n }) },
      step: { kind: 'unfunded' },
    },
  ],
  [
    'the ether that a call carries is counted',
    {
      intent: { valueWei: 1n },
      view: { ...NOTHING_RECORDED, account: accountWith({ balanceWei: PRICE_WEI }) },
      step: { kind: 'unfunded' },
    },
  ],
];

describe('decideBegin', () => {
  it.each(TABLE)('decideBegin: %s', (_, { intent = {}, view, step }) => {
    expect(decideBegin(intent, { account: ACCOUNT, ...view }, RULES)).toEqual(step);
  });

  it('decideBegin offers no fee above the ceiling, and none that the wallet cannot pay', () => {
    const wei = fc.bigInt({ min: 0n, max: 300n * GWEI });
    const balance = fc.bigInt({ min: 0n, max: 10n ** 17n });
    fc.assert(
      fc.property(
        wei,
        wei,
        wei,
        wei,
        balance,
        (baseFee, priorityFeeWei, recordedWei, ceiling, balanceWei) => {
          const account = { ...withBaseFee(baseFee), priorityFeeWei, balanceWei };
          const view = { ...recorded(recordedWei, recordedWei / 2n), account };
          const step = decideBegin({}, view, { maxFeePerGasWei: ceiling });
          if (step.kind !== 'begin') return;
          expect(step.fees.maxFeeWei).toBeLessThanOrEqual(ceiling);
          expect(step.fees.maxPriorityFeeWei).toBeLessThanOrEqual(step.fees.maxFeeWei);
          expect(step.gasLimit * step.fees.maxFeeWei).toBeLessThanOrEqual(balanceWei);
        },
      ),
    );
  });
});
