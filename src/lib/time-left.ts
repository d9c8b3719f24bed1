import { countOf } from './plural.ts';

/**
 * What is looked back at: so many advances, and as many more as so much time holds. On a machine that others use as well, the
 * pace of ten keys may be four times that of the ten before, and back half a minute later: what came last says little of
 * what will come. A load that stays another one is felt after these.
 */
const ADVANCES_LOOKED_AT = 10;
const TIME_LOOKED_AT_MS = 60_000;
/** Advances whose items differ more than that are work of another kind, such as keys that need no key derivation. */
const ONE_KIND = 8;
/** Advances that are kept. */
const MAX_ADVANCES = 1_024;

interface Advance {
  readonly atMs: number;
  readonly items: number;
}

/**
 * The course of a step that works on items, several at a time, and how long the rest of it will take. All times are given,
 * in milliseconds of one clock.
 *
 * Threads that begin together end together, so what they finish comes in bursts, and items per time so far is far off in
 * the middle of one. Therefore each advance is held against the one that its lane made before, which lies as many advances
 * back as there are lanes: the time between is what the work of that advance took. The first one of each lane has the start
 * of threads in it, and does not count any more when there are others. Work that is under way counts by its age; what takes
 * longer than usual makes the others look slower by as much.
 */
export class StepCourse {
  readonly total: number;
  readonly #lanes: number;
  readonly #advances: Advance[] = [];
  #done: number;
  #begunMs: number;

  /**
   * @param options.done - items that were there before and cost nothing
   * @param options.lanes - how many advances are worked for at a time
   */
  constructor(
    options: { readonly total: number; readonly done: number; readonly lanes: number },
    nowMs: number,
  ) {
    this.total = options.total;
    this.#lanes = options.lanes;
    this.#done = options.done;
    this.#begunMs = nowMs;
  }

  get done(): number {
    return this.#done;
  }

  advance(items: number, nowMs: number): void {
    this.#done += items;
    this.#advances.push({ atMs: nowMs, items });
    if (this.#advances.length < 2 * MAX_ADVANCES) return;
    const forgotten = this.#advances.splice(0, MAX_ADVANCES);
    this.#begunMs = forgotten.at(-1)?.atMs ?? this.#begunMs;
  }

  /** Time from now to the end of the step; undefined before the first advance, which tells how fast it goes. */
  timeLeftMs(nowMs: number): number | undefined {
    if (this.#done >= this.total) return 0;
    const seen = this.#lookBack(nowMs);
    if (seen.advances === 0) return undefined;
    const advancesLeft = (this.total - this.#done) / (seen.items / seen.advances);
    const ages = this.#agesOfWork(Math.min(this.#lanes, Math.ceil(advancesLeft)), nowMs);
    const usualMs = seen.tookMs / seen.advances;
    const overdueMs = sum(ages.map(age => Math.max(0, age - usualMs)));
    const expectedMs = (seen.tookMs + overdueMs) / seen.advances;
    if (expectedMs === 0) return 0;
    const halfDone = sum(ages.map(age => Math.min(1, age / expectedMs)));
    return Math.max(0, (expectedMs * (advancesLeft - halfDone)) / ages.length);
  }

  /** Number of the advances looked back at, their items, and the sum of the times that the work of each took. */
  #lookBack(nowMs: number): { readonly advances: number; readonly items: number; readonly tookMs: number } {
    const all = this.#advances;
    const first = all.length >= 2 * this.#lanes ? this.#lanes : 0;
    const latest = all.at(-1)?.items ?? 0;
    let [advances, items, tookMs] = [0, 0, 0];
    for (let i = all.length - 1; i >= first; i--) {
      const { atMs, items: more } = all[i] as Advance;
      if (advances >= ADVANCES_LOOKED_AT && nowMs - atMs > TIME_LOOKED_AT_MS) break;
      if (more > ONE_KIND * latest || latest > ONE_KIND * more) break;
      advances += 1;
      items += more;
      tookMs += atMs - (all[i - this.#lanes]?.atMs ?? this.#begunMs);
    }
    return { advances, items, tookMs };
  }

  /** How long each lane has worked for its next advance: since its last one. In the end those are busy that advanced first. */
  #agesOfWork(busy: number, nowMs: number): number[] {
    return Array.from({ length: busy }, (_, lane) => {
      return nowMs - (this.#advances.at(lane - this.#lanes)?.atMs ?? this.#begunMs);
    });
  }
}

/** A time as clocks show it, in full seconds: `00:01:30`, `2d 00:00:00`. */
export function formatTimeLeft(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60, seconds % 60]
    .map(part => String(part).padStart(2, '0'))
    .join(':');
  return days === 0 ? clock : `${days}d ${clock}`;
}

/** A time as people say it, in whole seconds or minutes: `1 second`, `90 seconds`, `2 minutes`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  return seconds < 100 ? countOf(seconds, 'second') : countOf(Math.round(seconds / 60), 'minute');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
