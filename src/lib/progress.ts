/** Tells the user how far a long step is. Implementations decide how: a bar on a terminal, a bare line elsewhere. */
export interface ProgressReporter {
  /**
   * Announces a step.
   * @param label - as the manual prints it
   * @param total - number of items
   */
  start(label: string, total: number): ProgressBar;
}

export interface ProgressBar {
  advance(items?: number): void;
  finish(): void;
}
