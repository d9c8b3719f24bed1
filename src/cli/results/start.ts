import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  stopped: member.yesOrNo(
    'True: printed when the operator has been told to stop, or every task has had its pass.',
  ),
  passes: z
    .array(
      z
        .strictObject({
          task: member.text('Name of the task, as the log and /readyz have it.'),
          waitsFor: member
            .text('What the task would go on waiting for; absent when it has done what there was to do.')
            .optional(),
        })
        .describe('The pass of one task.'),
    )
    .describe('The passes of --once, in their order; absent without it.')
    .optional(),
});
