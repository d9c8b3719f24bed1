import { UsageError } from '../lib/errors.ts';

/** Value of an environment variable; an empty one counts as unset. */
export function readEnvironment(
  name: string,
  environment: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const value = environment[name];
  return value === undefined || value === '' ? undefined : value;
}

/** Booleans as click reads them: 1/true/t/yes/y/on and their opposites, in any case. @throws UsageError */
export function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (['1', 'true', 't', 'yes', 'y', 'on'].includes(word)) return true;
  if (['0', 'false', 'f', 'no', 'n', 'off'].includes(word)) return false;
  throw new UsageError('invalid-boolean', `'${text}' is not a valid boolean.`);
}
