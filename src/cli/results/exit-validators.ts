import { z } from 'zod';
import * as member from '../result-members.ts';

const index = member.number('Index of a validator on the chain.');

export const RESULT = z.strictObject({
  planned: z.array(index).describe('Validators whose exit is requested, the longest active first.'),
  later: z
    .array(index)
    .describe('Validators whose request would cost more than the limit, when the planned ones are made.'),
  refused: z
    .array(
      z
        .strictObject({
          index,
          reason: z
            .enum([
              'foreign',
              'exiting',
              'exit-requested',
              'too-young',
              'partials-pending',
              'consolidating',
              'deposit-pending',
            ])
            .describe('Why its exit cannot be requested now.'),
        })
        .describe('A validator that cannot be exited.'),
    )
    .describe('Validators that cannot be exited now, by index.'),
  feesWei: member.text('What the requests cost at most, in wei; decimal.'),
  gasWei: member.text('What their gas costs by the base fee of the head, in wei; decimal.'),
  transactions: z
    .array(
      z
        .strictObject({
          hash: member.hex(32, 'Hash of the transaction.'),
          block: member.number('Block that it is in.'),
        })
        .describe('A transaction with requests.'),
    )
    .describe('What was sent; empty with --dry-run or when the question was denied.'),
  dryRun: member.dryRun,
});
