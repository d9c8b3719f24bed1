import { UsageError } from '../lib/errors.ts';

// The one place that looks at the environment of the process; test/architecture.test.ts names the exceptions.

/** The whole environment: for what reads variables by the names that options have, and for a process that begins again. */
export function processEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/**
 * Value of an environment variable, without line ends behind it, which a file of variables saved on Windows leaves there; an empty
 * one counts as unset.
 */
export function readEnvironment(
  name: string,
  environment: NodeJS.ProcessEnv = processEnvironment(),
): string | undefined {
  const value = environment[name]?.replace(/[\r\n]+$/, '');
  return value === '' ? undefined : value;
}

/** Value of a variable that was meant for this process alone: those that it starts do not get it. */
export function takeEnvironment(name: string): string | undefined {
  const environment = processEnvironment();
  const value = environment[name];
  delete environment[name];
  return value;
}

/** Gives variables that are not set, or empty, a value; libraries look for them as well. */
export function completeEnvironment(values: Readonly<Record<string, string>>): void {
  const environment = processEnvironment();
  for (const [name, value] of Object.entries(values)) {
    if (readEnvironment(name, environment) === undefined) environment[name] = value;
  }
}

/** Booleans as click reads them: 1/true/t/yes/y/on and their opposites, in any case. @throws UsageError */
export function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (['1', 'true', 't', 'yes', 'y', 'on'].includes(word)) return true;
  if (['0', 'false', 'f', 'no', 'n', 'off'].includes(word)) return false;
  throw new UsageError('invalid-boolean', `'${text}' is not a valid boolean.`);
}
