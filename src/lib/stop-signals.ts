export interface StopOptions {
  /** The first signal: everything ends at its next step. */
  readonly onStop: (name: NodeJS.Signals) => void;
  /** What did not end within the time, or a second signal: the process ends now. */
  readonly onForce: (why: string) => void;
  /** How long ending may take. */
  readonly graceMs: number;
  /** How long a step that cannot be told to end is left to itself. */
  readonly lateMs: number;
}

export interface StopSignals extends Disposable {
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Aborted some time after it. */
  readonly lateSignal: AbortSignal;
}

/** POSIX: 128 and the signal's number. */
const EXIT_CODES: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGTERM: 143, SIGINT: 130 };

/** What shells show as the exit code of what a signal has ended. */
export function exitCodeOf(name: NodeJS.Signals): number {
  return EXIT_CODES[name] ?? 1;
}

/**
 * Ends the process at SIGTERM and SIGINT where the kernel does not: the first process of a container, or of another namespace
 * of pids, gets no signal that it does not listen for. To be called first of all. What listens for the same signal later
 * (`start`, a question on the terminal) ends the process in its own way.
 */
export function endAsFirstProcess(): void {
  if (process.pid !== 1) return;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (process.listenerCount(name) === 1) process.exit(EXIT_CODES[name]);
    });
  }
}

/**
 * Turns SIGTERM and SIGINT into an abort; a second one ends the process at once. When the time is over it ends, too, with
 * exit code 0: what was under way is found in the database at the next start.
 */
export function listenForStop({ onStop, onForce, graceMs, lateMs }: StopOptions): StopSignals {
  const stop = new AbortController();
  const late = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const listener = (name: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      onForce(`${name} again`);
      process.exit(exitCodeOf(name));
    }
    onStop(name);
    const reason = new DOMException(`interrupted by ${name}`, 'AbortError');
    const force = () => {
      onForce(`not ended after ${graceMs / 1000} s`);
      process.exit(0);
    };
    timers.push(
      setTimeout(() => late.abort(reason), lateMs),
      setTimeout(force, graceMs),
    );
    for (const timer of timers) timer.unref();
    stop.abort(reason);
  };
  process.on('SIGTERM', listener).on('SIGINT', listener);
  return {
    signal: stop.signal,
    lateSignal: late.signal,
    [Symbol.dispose]() {
      for (const timer of timers) clearTimeout(timer);
      process.off('SIGTERM', listener).off('SIGINT', listener);
    },
  };
}
