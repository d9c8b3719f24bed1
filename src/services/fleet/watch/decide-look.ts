/** What was found at a look, and what was known before it. */
export interface LookFacts {
  /** Milliseconds of a clock that never goes back. */
  readonly now: number;
  /** State of the vault in the database, and of the files on the disk. */
  readonly seen: SeenStates;
  /** What both were when the files were right last; undefined before the first time. */
  readonly right: (SeenStates & { readonly comparedAt: number }) | undefined;
  /** The last attempt to make them right, when it has failed. */
  readonly failed: (SeenStates & { readonly at: number; readonly mayPass: boolean }) | undefined;
}

/** Two states that are told apart by their text alone. */
export interface SeenStates {
  readonly database: string;
  readonly disk: string;
}

/** How often files and rows are compared in full where nothing seems to have changed. */
const COMPARE_EVERY_MS = 600_000;

/** How long what was refused stays refused while neither database nor files have changed: to try again costs as much as to write. */
const REFUSED_FOR_MS = 300_000;

/**
 * What a look comes to: the files are to be written, to be compared with the database in full, are still refused as they were, or are
 * right.
 */
export function decideLook({
  now,
  seen,
  right,
  failed,
}: LookFacts): 'write' | 'compare' | 'refused' | 'right' {
  if (failed !== undefined) {
    const isSettled = isSame(seen, failed) && !failed.mayPass;
    return isSettled && now - failed.at < REFUSED_FOR_MS ? 'refused' : 'write';
  }
  if (right === undefined || !isSame(seen, right)) return 'write';
  return now - right.comparedAt >= COMPARE_EVERY_MS ? 'compare' : 'right';
}

function isSame(one: SeenStates, other: SeenStates): boolean {
  return one.database === other.database && one.disk === other.disk;
}
