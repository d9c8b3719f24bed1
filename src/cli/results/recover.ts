import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  vault: member.vault,
  registered: member.number('How many validators the vault has registered.'),
  recovered: z
    .array(
      z
        .strictObject({
          index: member.number('Index of the key in the mnemonic.'),
          publicKey: member.publicKey('Public key of the validator.'),
        })
        .describe('One validator.'),
    )
    .describe('Validators whose keystores have been written, by their index in the mnemonic.'),
  exited: member.number('How many validators have exited, and need no keystore.'),
  notFound: member.number('How many registered validators have keys that are not among those searched.'),
  mnemonicNextIndex: member.number('Index in the mnemonic of the key that create-keys makes next.'),
  keystoresDir: member.keystoresDir,
  previousKeystoresDir: member
    .text('Directory that the keystores of before were moved to; absent where there were none.')
    .optional(),
  dryRun: member.dryRun,
});
