import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  keys: member.number('How many keys the signer had loaded.'),
});
