import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  outputFile: member.text('Path of the merged deposit data file.'),
  validators: member.number('How many entries the merged file has.'),
});
