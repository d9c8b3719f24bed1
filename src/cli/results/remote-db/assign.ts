import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  totalValidators: member.number('How many validator clients the keys are divided among.'),
  keys: member.number('How many keys are assigned.'),
  keysPerValidator: z
    .array(member.number('How many keys one validator client has.'))
    .describe('How many keys each validator client has, by its index.'),
  changed: member.changed,
  movedKeys: member.number('How many keys went from one validator client to another.'),
  dryRun: member.dryRun,
  vaultPublicKey: member.vaultPublicKey,
});
