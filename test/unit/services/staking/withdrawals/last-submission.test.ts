import { describe, expect, it } from 'vitest';
import { asManual, asPart } from '../../../../../src/services/staking/withdrawals/last-submission.ts';
import type { TransactionIntent } from '../../../../../src/transactions/transaction.ts';

const INTENT: TransactionIntent = {
  kind: 'withdraw-validators',
  key: 'withdraw-validators 0xab after 7',
  to: '0x1234567890AbcdEF1234567890aBcdef12345678',
  data: '0x',
  isPatient: true,
  isOutdated: async head => head === 11,
};

describe('requests of a vault', () => {
  it('requests by hand have a key of their own, are not held back by fees, and are outdated behind their block', async () => {
    const manual = asManual(INTENT, 20);
    expect(manual).toMatchObject({
      key: 'exit-validators withdraw-validators 0xab after 7',
      isPatient: false,
    });
    const outdated = await Promise.all([10, 11, 20, 21].map(head => manual.isOutdated?.(head)));
    expect(outdated).toEqual([false, true, false, true]);
  });

  it('requests that are not all of a plan say so in their key, and stay patient', () => {
    expect(asPart(INTENT)).toMatchObject({ key: `${INTENT.key} and more`, isPatient: true });
  });
});
