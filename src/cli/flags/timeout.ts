import { UsageError } from '../../lib/errors.ts';
import { defaulted, type Option, type ValueKind } from '../options/option.ts';

/** Seconds above 0, or parts of one; the value is in milliseconds. */
const seconds: ValueKind<number> = {
  placeholder: 'SECONDS',
  parse(value) {
    const number = Number(value);
    if (Number.isFinite(number) && number > 0) return number * 1000;
    throw new UsageError('invalid-timeout', `'${value}' is not a number of seconds above 0.`);
  },
};

/**
 * An option for how long something may take; its value is in milliseconds.
 * @param description - the default is put behind it
 */
export function timeout(env: string, defaultSeconds: number, description: string): Option<number> {
  return defaulted(() => String(defaultSeconds), {
    description: `${description}, in seconds. Default is ${defaultSeconds}.`,
    env,
    value: seconds,
  });
}
