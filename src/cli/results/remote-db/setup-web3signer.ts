import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  ...member.writtenKeys,
  removedKeys: member.number("How many validators' keys the files had before and have no more."),
  removedShares: member.number(
    'How many key shares the files had before and have no more: of a replaced oracle set, or of removed validators.',
  ),
  files: z
    .strictObject({
      added: member.number('How many files are new.'),
      changed: member.number('How many files have another content.'),
      adjusted: member.number('How many files have another mode or owner, and the same content.'),
      removed: member.number('How many files were removed.'),
    })
    .describe('What has become of the key files in the directory.'),
  signers: z
    .array(
      z
        .strictObject({
          url: member.text('Address of the signer, without what may be secret in it.'),
          keys: member.number('How many keys the signer has loaded.'),
          foreignKeys: member.number('How many of these keys are not of this vault.'),
        })
        .describe('One signer.'),
    )
    .describe('Signers that have read the files again, in the order of --web3signer-endpoint.'),
  configFile: member.text("Path of Web3Signer's own configuration; absent without --config-file.").optional(),
});
