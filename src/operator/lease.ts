/** The right to act for a vault, held by one process at a time. Disposing of it gives it back at once. */
export interface Lease extends AsyncDisposable {
  /** Grows with every holder; intents carry it. */
  readonly epoch: bigint;
  /** Aborted when the lease is lost, or may be: whatever acts for the vault ends then. */
  readonly signal: AbortSignal;
  /**
   * Whether it can still be held, by this process's own clock: to be asked right before something that cannot be undone.
   * A process that was stopped finds out here, before any timer has run.
   */
  isFresh(): boolean;
}
