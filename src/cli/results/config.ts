import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  command: member.text('Words of the command whose options these are.'),
  options: z
    .array(
      z
        .strictObject({
          option: member.text('Name of the option on the command line.'),
          value: member
            .text(
              'What the command would go by, secrets masked; absent where nothing is given and the command has no value of its own.',
            )
            .optional(),
          source: z
            .enum(['command-line', 'environment', 'env-file', 'config-file', 'default', 'missing', 'none'])
            .describe(
              'Where the value comes from; "missing" of an option that must be given, or is asked for, "none" of one that may be left out.',
            ),
          name: member
            .text('Option or variable that gave the value, or named the file that it was read from.')
            .optional(),
          path: member
            .text('File of variables, or config.json, that the value or the variable stands in.')
            .optional(),
          file: member
            .text('File that the value was read from, as its option or variable names it.')
            .optional(),
        })
        .describe('One option.'),
    )
    .describe('Options in the order in which the command declares them.'),
});
