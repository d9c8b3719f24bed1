import { z } from 'zod';
import * as member from '../result-members.ts';

const removedKeys = member.number('How many keys of earlier configurations were removed from the signer.');

export const RESULT = z.union([
  z
    .strictObject({
      validators: member.number('How many validators the signer can sign for by this run.'),
      keys: member.number('How many keys or key shares the signer was given or had already.'),
      importedKeys: member.number('How many of these keys the signer did not have before.'),
      removedKeystores: member.number('How many keystores were removed from the local directory.'),
      removedKeys,
      remoteSignerConfigFile: member.remoteSignerConfigFile,
      dryRun: member.dryRun,
    })
    .describe('What was imported.'),
  z.strictObject({ removedKeys, dryRun: member.dryRun }).describe('Of a run that found no keystores.'),
]);
