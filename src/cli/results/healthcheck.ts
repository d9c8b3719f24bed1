import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  url: member.text('The probe of the operator that has answered.'),
});
