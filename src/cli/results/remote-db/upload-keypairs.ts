import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  keystores: member.number('How many keystores were read.'),
  stored: member.number('How many keypairs lacked a key or shares, which were stored by this run.'),
  shares: member.number('How many key shares the uploaded keys have.'),
  oracles: member.number('How many oracles the keys are shared among.'),
  threshold: member.number("How many shares make a validator's signature."),
  prunedShares: member.number('How many shares of unused oracle sets were removed.'),
  dryRun: member.dryRun,
  vaultPublicKey: member.vaultPublicKey,
});
