import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../lib/error-codes.ts';

const codes = Object.keys(ERROR_CODES).sort() as ErrorCode[];

/** What a failed command prints with `--json`. */
export const ERROR_RESULT = z
  .strictObject({
    error: z
      .strictObject({
        code: z.enum(codes).describe('What has happened, for programs: docs/errors.md explains each code.'),
        message: z.string().describe('What has happened, for people: names the file, the key or the server.'),
        hint: z.string().describe('What to do next; absent where the message says it all.').optional(),
      })
      .describe('The failure; the exit code tells its kind.'),
  })
  .describe('What a command prints in place of its result when it fails.');
