import type { Seen } from './observation.ts';

/** A number as people read it: 10,000. */
export function numberText(value: number): string {
  return value.toLocaleString('en-US');
}

/** Some things in their number: 1 key, 10,000 keys. */
export function count(value: number, name: string): string {
  return `${numberText(value)} ${name}${value === 1 ? '' : 's'}`;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long ago something was, as precisely as anybody wants to know. */
export function ago(time: string, now: string): string {
  const ms = Math.max(0, Date.parse(now) - Date.parse(time));
  if (ms < MINUTE_MS) return `${Math.floor(ms / 1_000)} s ago`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min ago`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h ago`;
  return `${Math.floor(ms / DAY_MS)} days ago`;
}

/** An address or a hash by its ends. */
export function short(hex: string): string {
  return hex.length <= 13 ? hex : `${hex.slice(0, 6)}…${hex.slice(-4)}`;
}

/** What is shown of a counterpart that has said nothing; undefined of one that has. */
export function silence(seen: Seen<unknown>): string | undefined {
  switch (seen.answer) {
    case 'answered':
      return undefined;
    case 'failed':
      return '✗ not seen';
    default:
      return `not asked: ${seen.reason}`;
  }
}
