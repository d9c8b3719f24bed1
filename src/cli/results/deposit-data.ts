import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  vault: member.vault,
  root: member.hex(32, 'Merkle root of the new deposit data, as setValidatorsRoot takes it.'),
  depositDataFile: member.depositDataFile,
  previousFile: member
    .text(
      'Path of the file that has what stood in the deposit data file before; absent where nothing was replaced.',
    )
    .optional(),
  validators: member.number('How many validators the new deposit data has.'),
  used: member.number('How many keys are left out, since a deposit has used them.'),
  signed: member.number('How many entries were signed with keystores, since no deposit data had them.'),
  notAtHand: member.number('How many entries are left out, since the signer does not have their keys.'),
});
