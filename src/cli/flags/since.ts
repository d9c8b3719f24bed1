import type { Since } from '../../db/audit-log.ts';
import { UsageError } from '../../lib/errors.ts';
import type { ValueKind } from '../options/option.ts';

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A date, with a time or without one; without a zone it is in UTC, as all times that this program prints are. */
const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** Begin of a time that lasts until now: a date (ISO 8601), or how long ago, such as 90m, 24h or 7d. */
export const since: ValueKind<Since> = {
  placeholder: 'TIME',
  parse(value) {
    const text = value.trim();
    const [, number, unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
    if (number !== undefined) return { msAgo: Number(number) * (UNITS_MS[unit] ?? 0) };
    const [, date, time = '00:00', zone = 'Z'] = DATE.exec(text) ?? [];
    const at = new Date(`${date}T${time}${zone}`);
    if (date !== undefined && isDay(date) && !Number.isNaN(at.getTime())) return { at };
    throw new UsageError(
      'invalid-since',
      `'${value}' is neither a date such as 2026-11-30 or 2026-11-30T12:00Z, nor how long ago, such as 90m, 24h or 7d.`,
    );
  },
};

/** `Date` takes the 31st of a shorter month for a day of the next one. */
function isDay(date: string): boolean {
  const day = new Date(`${date}T00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
}
