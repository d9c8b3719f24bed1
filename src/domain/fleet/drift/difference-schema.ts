// The schema of a difference between what a fleet has and what it should have. Loaded by docs and tests alone.
import { z } from 'zod';
import { text } from '../observation/observation-members.ts';
import { DIFFERENCE_CODES, SEVERITIES } from './difference.ts';

export const DIFFERENCE = z
  .strictObject({
    code: z.enum(DIFFERENCE_CODES).describe('What kind of difference it is, see docs/fleet-reference.md.'),
    severity: z
      .enum(SEVERITIES)
      .describe(
        'Whether it is only to be known (note), is to be mended (warning), or endangers money (error). A note alone is no drift.',
      ),
    where: text('The counterpart that differs.'),
    what: text('What it has, and what it should have.'),
    remedy: text('The command that mends it, or what to do where none does.'),
  })
  .describe('One difference.');
