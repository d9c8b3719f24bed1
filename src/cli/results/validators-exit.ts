import { z } from 'zod';
import * as member from '../result-members.ts';

const index = member.number('Index of a validator on the chain.');

export const RESULT = z.strictObject({
  planned: z.array(index).describe('Validators that are to exit, by index.'),
  alreadyExiting: z.array(index).describe('Validators that have exited or are about to, by index.'),
  exits: z
    .array(
      z
        .strictObject({
          index,
          publicKey: member.publicKey('Public key of the validator.'),
          result: z
            .enum(['submitted', 'already', 'failed'])
            .describe('What has become of the exit; "already": the chain or the node knew of one.'),
          reason: member
            .text('What the beacon node or the signer said; absent where nothing was amiss.')
            .optional(),
          hint: member.text('What to change; absent where nothing is known.').optional(),
        })
        .describe('The exit of one validator.'),
    )
    .describe('Exits that were tried, by index; empty with --dry-run or when the question was denied.'),
  dryRun: member.dryRun,
});
