import { describe, expect, it } from 'vitest';
import { renderTable } from '../../../src/cli/terminal/table.ts';
import { TRANSACTION_HEADINGS, transactionRow } from '../../../src/transactions/list-transactions.ts';

describe('renderTable', () => {
  it('columns are as wide as their longest text, and those without text are left out', () => {
    expect(
      renderTable(
        ['ID', 'NOTE', 'STATE'],
        [
          ['7', '', 'mined'],
          ['1234', '', 'sent'],
        ],
      ),
    ).toEqual(['ID    STATE', '7     mined', '1234  sent']);
  });

  it('a transaction is a row that fits a terminal', () => {
    const row = transactionRow({
      id: 3,
      kind: 'register-validators',
      state: 'confirmed',
      nonce: 12,
      hash: `0x12345678${'0'.repeat(52)}abcd`,
      valueWei: '4712',
      maxFeePerGasGwei: '1.288',
      attempts: 1,
      request: undefined,
      reason: undefined,
      block: 4711,
      updatedAt: '2026-11-29T07:05:11.123Z',
    });
    const [heading, line = ''] = renderTable(TRANSACTION_HEADINGS, [row]);
    expect(heading).toMatch(
      /^ID {2}UPDATED {2,}KIND {2,}STATE {2,}NONCE {2,}VALUE WEI {2,}GWEI {2,}BLOCK {2,}HASH$/,
    );
    expect(line).toBe(
      '3   2026-11-29 07:05:11  register-validators  confirmed  12     4712       1.288  4711   0x12345678…abcd',
    );
  });
});
