import { z } from 'zod';
import { CHECK } from '../../domain/fleet/doctor/check-schema.ts';

export const RESULT = z.strictObject({
  checks: z.array(CHECK).describe('Every check; with one that failed the exit code is 3.'),
});
