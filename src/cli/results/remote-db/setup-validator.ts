import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  validatorIndex: member.number('Index of the validator client among all that the keys are divided among.'),
  totalValidators: member.number('How many validator clients the keys are divided among.'),
  ...member.writtenKeys,
  paths: z
    .array(member.text('Path of a file.'))
    .describe(
      'The files: validator definitions (Lighthouse), signer keys and proposer config (Teku, Prysm), then those of further templates.',
    ),
  clients: z
    .array(
      z
        .strictObject({
          kind: z.enum(['lighthouse', 'teku', 'prysm']).describe('Which validator client it is.'),
          files: z
            .array(member.text('Path of a file.'))
            .describe('Those of the files that this client reads.'),
          flags: z
            .array(member.text('One word of the command line.'))
            .describe(
              'Options with which this client uses its files. WEB3SIGNER_URL stands for a URL that holds a secret.',
            ),
          notes: z
            .array(member.text('One sentence.'))
            .describe('What has to be known of this client besides; empty where there is nothing.'),
        })
        .describe('One validator client.'),
    )
    .describe('How each validator client is told of its files.'),
});
