import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  remoteSignerConfigFile: member.remoteSignerConfigFile,
  depositDataFile: member.depositDataFile,
  validators: member.number('How many validators the files have.'),
  staleValidators: member.number(
    'How many validators are left out, for their shares are of an earlier oracle set.',
  ),
  retiredValidators: member.number(
    'How many validators are left out, for they have exited and "remote-db prune" has retired them.',
  ),
  changed: member.changed,
});
