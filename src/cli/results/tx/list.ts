import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  transactions: z
    .array(member.listedTransaction)
    .describe("Transactions of the vault's operators, the newest first."),
});
