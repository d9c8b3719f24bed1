// The schema of a check of "operator doctor". Loaded by docs and tests alone.
import { z } from 'zod';
import { DIFFERENCE_CODES } from '../drift/difference.ts';
import { text } from '../observation/observation-members.ts';
import { CHECK_CODES, CHECK_SEVERITIES } from './check.ts';

export const CHECK = z
  .strictObject({
    code: z
      .enum([...CHECK_CODES, ...DIFFERENCE_CODES])
      .describe('What was looked at, or the difference that was found, see docs/fleet-reference.md.'),
    severity: z
      .enum(CHECK_SEVERITIES)
      .describe(
        'Whether all is well, might be better (warn), has to be mended (fail), or was not looked at (skip).',
      ),
    where: text('The counterpart, the file or the setting that was looked at.'),
    what: text('What was found.'),
    hint: text('What to do; absent where nothing has to be done.').optional(),
  })
  .describe('One check.');
