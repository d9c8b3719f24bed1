import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  validators: member.number('How many validators were checked.'),
  shares: member.number('How many key shares were opened.'),
  staleValidators: member.number('How many validators have shares of an earlier oracle set only.'),
  depositDataEntries: member.number('How many entries the deposit data has.'),
  manifestCounter: member.number('How many manifests the vault has had: one more with each upload.'),
  planSigned: member.yesOrNo(
    'Whether the plan of validator clients is signed; where there is none, it is not.',
  ),
  findings: z
    .array(member.text('What is not as it was written.'))
    .describe('All that is not as it was written; empty when all is well, else the exit code is 3.'),
  vaultPublicKey: member.vaultPublicKey,
});
