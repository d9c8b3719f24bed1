/** A time of ISO 8601 in UTC as people read it, to the second: `2026-11-22 17:13:24`. */
export function timeText(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
