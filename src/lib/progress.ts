/** Tells the user how far a long step is. Implementations decide how: a bar on a terminal, a bare line elsewhere. */
export interface ProgressReporter {
  /**
   * Announces a step.
   * @param label - as the manual prints it
   * @param total - number of items
   */
  start(label: string, total: number, course?: ProgressCourse): ProgressBar;
}

/** What the time that is left is reckoned from, beside the advances. */
export interface ProgressCourse {
  /** Items that are there before the step begins and cost nothing. Default: none. */
  readonly done?: number | undefined;
  /** How many advances are worked for at a time, as the threads of a pool do. Default: one. */
  readonly lanes?: number | undefined;
}

export interface ProgressBar {
  advance(items?: number): void;
  finish(): void;
}

/** Shows nothing, and tells how many items each step has. */
export function countingProgress(tell: (total: number) => void): ProgressReporter {
  return {
    start(_label, total) {
      tell(total);
      return { advance: () => undefined, finish: () => undefined };
    },
  };
}
