import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  removed: z
    .strictObject({
      validators: member.number('How many validators.'),
      shares: member.number('How many key shares.'),
      secrets: member.number('How many sealed keys and shares.'),
      oracleSets: member.number('How many oracle sets.'),
      depositData: member.number('How many deposit data documents: one, or none.'),
      assignments: member.number('How many assignments of keys to validator clients.'),
    })
    .describe('What was removed from the database.'),
  dryRun: member.dryRun,
});
