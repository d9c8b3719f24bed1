import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  dryRun: member.yesOrNo('Whether this was a dry run, which stores nothing.'),
  validators: member.number('How many validators of the network the operator.db has.'),
  lastBlock: member.number('Block of the newest of their deposits.'),
  imported: member.yesOrNo('Whether they were stored by this run.'),
  knownToBlock: member
    .number(
      "Block up to which the operator's database had the network's validators before; absent where it had none. Then nothing was compared or stored.",
    )
    .optional(),
});
