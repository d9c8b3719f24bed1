// What the schema of an observation is made of. Loaded by docs and tests alone: the program takes its types.
import { z } from 'zod';
import { NAMED_KEYS } from './named-keys.ts';

/** A count, an index, or a number that things are called by. */
export const number = (description: string) => z.int().min(0).describe(description);

export const text = (description: string) => z.string().describe(description);

export const yesOrNo = (description: string) => z.boolean().describe(description);

export const time = (description: string) => z.iso.datetime().describe(description);

/** Bytes as hex digits, lower case. */
export const hex = (length: number, description: string) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-f]{${2 * length}}$`))
    .describe(description);

/** An amount in wei, which may be too much for a number of JSON. */
export const wei = (description: string) => z.string().regex(/^\d+$/).describe(description);

/** Keys of which only the first are named: all of ten thousand would be a megabyte. */
export const someKeys = (description: string) =>
  z
    .strictObject({
      total: number('How many keys they are.'),
      publicKeys: z.array(hex(48, 'Public key.')).describe(`The first ${NAMED_KEYS} of them.`),
    })
    .describe(description);

/** Why a counterpart has said nothing. */
const fault = z
  .strictObject({
    code: text('Code of the error, see docs/errors.md.'),
    message: text('What went wrong, without any secret.'),
    hint: text('What to do about it; absent where nothing is known.').optional(),
  })
  .describe('Why there is no answer.');

const latencyMs = number('How long the counterpart took, in milliseconds.');

/**
 * What was asked of one counterpart: it has answered, it has failed within its time limit, or nobody has asked it.
 * @param facts - what it has answered
 */
export function asked<F extends z.ZodType>(facts: F, description: string) {
  return z
    .union([
      z
        .strictObject({
          answer: z.enum(['answered']).describe('The counterpart has answered.'),
          latencyMs,
          facts,
        })
        .describe('An answer.'),
      z
        .strictObject({
          answer: z
            .enum(['failed'])
            .describe('The counterpart was asked, and has not answered as it should.'),
          latencyMs,
          fault,
        })
        .describe('A failure.'),
      z
        .strictObject({
          answer: z.enum(['not-asked']).describe('The counterpart was not asked.'),
          reason: text('What is missing to ask it.'),
        })
        .describe('No question.'),
    ])
    .describe(description);
}
