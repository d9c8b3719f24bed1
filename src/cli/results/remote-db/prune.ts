import { z } from 'zod';
import * as member from '../../result-members.ts';

/** How many retired keys are named; all of ten thousand would be a megabyte. */
const FIRST = 20;

export const RESULT = z.strictObject({
  exited: member.number(
    'How many validators are retired by this run: those that can never have to sign again. 0 with --undo.',
  ),
  firstPublicKeys: z
    .array(member.publicKey('Public key of the validator.'))
    .describe(`The first ${FIRST} of them.`),
  finalizedEpoch: member
    .number('Epoch as of whose beginning all consensus nodes say so; absent with --undo.')
    .optional(),
  retired: z
    .strictObject({
      outOfSigners: member.number('How many are left out of the files of signers alone.'),
      outOfClients: member.number('How many are left out of the files of signers and validator clients.'),
      outOfRotation: member.number('How many are left out everywhere: their retirement is over.'),
    })
    .describe('How far the retirement of the keys is after this run.'),
  unprovenParts: z
    .array(
      z
        .strictObject({
          stage: z
            .enum(['signers', 'clients'])
            .describe('Where the keys stay until it is proven that this part has let them go.'),
          where: member.text('Signer or validator client.'),
          what: member.text('What it has, or why nobody knows.'),
          remedy: member.text('What to run, and where.'),
        })
        .describe('A part that has not let retired keys go, as far as anybody knows.'),
    )
    .describe('What keeps keys at their stages; empty where nothing does.'),
  broughtBack: member.number('How many keys are not retired any more; absent without --undo.').optional(),
  changed: member.yesOrNo('Whether this run has changed anything, or with --check would.'),
  dryRun: member.dryRun,
});
