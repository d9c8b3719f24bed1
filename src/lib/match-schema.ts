import type { z } from 'zod';
import { foreignText } from './foreign-text.ts';

/** What a schema made of a value, or what is wrong with the value in a user's words. */
export type Checked<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly fault: SchemaFault };

export interface SchemaFault {
  /** Where in the value, such as `crypto.kdf.params`; `the document` for the whole of it. */
  readonly member: string;
  /** The same in parts; empty for the whole. */
  readonly path: readonly PropertyKey[];
  /** What is wrong there; goes on a sentence that begins with the member. Never repeats the value: it may be a secret. */
  readonly what: string;
  /** Everything that is wrong, in the same words, to be the cause of an error. */
  readonly cause: Error;
}

/**
 * Reads a value by a schema. What is wrong is said in the schema's own messages, else in plain words instead of the library's,
 * which speak of types and inputs.
 */
export function matchSchema<T>(schema: z.ZodType<T>, value: unknown): Checked<T> {
  const parsed = schema.safeParse(value, { error: sayIssue });
  if (parsed.success) return parsed;
  const faults = parsed.error.issues.slice(0, TOLD_AT_MOST).map(tellIssue);
  const [first = { member: THE_DOCUMENT, path: [], what: NOT_AS_EXPECTED }] = faults;
  return { success: false, fault: { ...first, cause: new Error(faults.map(describeFault).join('; ')) } };
}

/** `crypto.cipher: is missing`, to follow a colon. */
export function describeFault({ member, what }: Pick<SchemaFault, 'member' | 'what'>): string {
  return `${member}: ${what}`;
}

/** What is wrong with a value that is to be of another type, as `matchSchema` says it. */
export function sayWrongType(expected: string, value: unknown): string {
  if (value === undefined) return 'is missing';
  const wanted = TYPES[expected] ?? expected;
  const given = describeType(value);
  if (given === 'a number' && expected === 'int') return 'is not a whole number';
  return `is ${given}, not ${wanted}`;
}

/** What is wrong with a number, a text or a list that is too small, as `matchSchema` says it. */
export function sayTooSmall(origin: string, minimum: number | bigint, isInclusive = true): string {
  if (isCounted(origin)) {
    return Number(minimum) <= 1 ? 'is empty' : `has fewer than ${minimum} ${partsOf(origin)}`;
  }
  return isInclusive ? `is less than ${minimum}` : `is not more than ${minimum}`;
}

/** What is wrong with a number, a text or a list that is too large, as `matchSchema` says it. */
export function sayTooBig(origin: string, maximum: number | bigint, isInclusive = true): string {
  if (isCounted(origin)) return `has more than ${maximum} ${partsOf(origin)}`;
  return isInclusive ? `is more than ${maximum}` : `is not less than ${maximum}`;
}

const THE_DOCUMENT = 'the document';
const NOT_AS_EXPECTED = 'is not as it has to be';
/** How much of what is wrong is told as a cause. */
const TOLD_AT_MOST = 20;

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

function tellIssue(issue: z.core.$ZodIssue): Omit<SchemaFault, 'cause'> {
  const { path, message } = issue;
  if (path.length > 0) return { member: foreignText(path.map(String).join('.')), path, what: message };
  if (issue.code !== 'unrecognized_keys') return { member: THE_DOCUMENT, path, what: message };
  return { member: foreignText(issue.keys.join(', ')), path, what: 'is not known here' };
}

/** Messages of a schema's own come before these. */
function sayIssue(issue: z.core.$ZodRawIssue): string {
  if (issue.input === undefined) return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return sayWrongType(issue.expected, issue.input);
    case 'invalid_value':
      return sayOtherValue(issue.values, issue.input);
    case 'too_small':
      return sayTooSmall(issue.origin, issue.minimum, issue.inclusive);
    case 'too_big':
      return sayTooBig(issue.origin, issue.maximum, issue.inclusive);
    case 'unrecognized_keys':
      return `has members that are not known here: ${foreignText(issue.keys.join(', '))}`;
    case 'invalid_format':
      return 'is not written in the form that it has to have';
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? sayOtherValue(issue.options, '')
        : 'is of no kind that is known here';
    default:
      return NOT_AS_EXPECTED;
  }
}

function sayOtherValue(values: readonly unknown[], input: unknown): string {
  const [first, ...more] = values.map(value => (value === '' ? 'empty' : String(value)));
  if (more.length > 0) return `is none of ${[first, ...more].join(', ')}`;
  return typeof input === typeof values[0] ? `is not ${first}` : `is ${describeType(input)}, not ${first}`;
}

function describeType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return 'no finite number';
  return TYPES[typeof value] ?? typeof value;
}

function isCounted(origin: string): boolean {
  return ['string', 'array', 'set', 'map', 'object'].includes(origin);
}

function partsOf(origin: string): string {
  return origin === 'string' ? 'characters' : 'entries';
}
