import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  validatorIndex: member.number('Index of the validator client among all that the keys are divided among.'),
  totalValidators: member.number('How many validator clients the keys are divided among.'),
  ...member.writtenKeys,
  paths: z
    .array(member.text('Path of a file.'))
    .describe(
      'The files: validator definitions (Lighthouse), signer keys and proposer config (Teku, Prysm).',
    ),
});
