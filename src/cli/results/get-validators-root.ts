import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  vault: member.vault,
  root: member.hex(32, 'Merkle root of the deposit data, as setValidatorsRoot takes it.'),
  depositDataFile: member.depositDataFile,
  validators: member.number('How many validators the deposit data has.'),
});
