import { UsageError } from '../../lib/errors.ts';
import { defaulted, type Option, type ValueKind } from '../options/option.ts';

/** The longest time that a timer of Node can wait: what is longer, it takes for one millisecond. Some 25 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Seconds above 0, or parts of one; the value is in whole milliseconds, as timers take them. */
const seconds: ValueKind<number> = {
  placeholder: 'SECONDS',
  parse(value) {
    const number = Number(value);
    if (Number.isFinite(number) && number > 0) return toTimerMs(number);
    throw new UsageError('invalid-timeout', `'${value}' is not a number of seconds above 0.`);
  },
};

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A time with its unit, such as 60s, 5m or 1h; a number alone is in seconds. The value is in milliseconds. */
export const duration: ValueKind<number> = {
  placeholder: 'DURATION',
  parse(value) {
    const [, number, unit = 's'] = /^\s*(\d+(?:\.\d+)?)(ms|s|m|h)?\s*$/.exec(value) ?? [];
    if (number !== undefined) return Math.min(Math.round(Number(number) * (UNITS_MS[unit] ?? 0)), LONGEST_MS);
    throw new UsageError('invalid-timeout', `'${value}' is not a time such as 60s, 5m or 1h.`);
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

/** A time that is meant for no limit at all is as good as the longest one. */
function toTimerMs(wholeOrParts: number): number {
  return Math.min(Math.max(Math.round(wholeOrParts * 1000), 1), LONGEST_MS);
}
