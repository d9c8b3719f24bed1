import { z } from 'zod';
import { DIFFERENCE } from '../../domain/fleet/drift/difference-schema.ts';
import { OBSERVATION } from '../../domain/fleet/observation/observation-schema.ts';

export const RESULT = z.strictObject({
  differences: z
    .array(DIFFERENCE)
    .describe('What is not as it should be, the worst first; with a warning or an error the exit code is 3.'),
  observation: OBSERVATION,
});
