import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  dryRun: member.yesOrNo('Whether this was a dry run, which stores nothing.'),
  oldKeys: z
    .array(
      z
        .strictObject({
          publicKey: member.publicKey('Public key of the validator.'),
          state: z
            .enum(['stored', 'new', 'broken'])
            .describe(
              'Whether the database of --db-url had the key before, has it now (in a dry run: would have it), or the key is not what its public key says and is left out.',
            ),
        })
        .describe('One validator key.'),
    )
    .describe("The validator keys that the Python operator's database has of the vault."),
  malformedKeys: z
    .array(member.text('What stands there as public key.'))
    .describe('Rows of that database that hold no key, and are left out; empty when all is well.'),
  depositDataEntries: member.number('How many entries the deposit data has.'),
  oldShares: member.number(
    'How many key shares that database has of the vault; none is taken, they are made anew.',
  ),
  keysOfOtherVaults: member.number('How many validator keys that database has of other vaults.'),
  stored: member
    .number('How many keypairs lacked a key or shares, which were stored by this run; absent in a dry run.')
    .optional(),
  shares: member.number('How many key shares the imported keys have now; absent in a dry run.').optional(),
  oracles: member.number('How many oracles the keys are shared among; absent in a dry run.').optional(),
  threshold: member.number("How many shares make a validator's signature; absent in a dry run.").optional(),
  vaultPublicKey: member.vaultPublicKey,
});
