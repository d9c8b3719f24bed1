import type { ErrorCode } from '../../../lib/error-codes.ts';
import { messageOf, OperatorError } from '../../../lib/errors.ts';

/** What files were brought to. */
export interface WrittenState {
  /** Keys that the database wants to be there. */
  readonly keysWanted: number;
  /** Keys that are there. */
  readonly keysWritten: number;
  /** Whether anything had to be written. */
  readonly isChanged: boolean;
}

/** Why files are not known to be right. */
export interface Problem {
  /** A code of `docs/errors.md`; `bug` for what no error of this program explains. */
  readonly code: ErrorCode | 'bug';
  readonly message: string;
  /** What to do next. */
  readonly hint: string | null;
  /** ISO 8601, as all times here. */
  readonly since: string;
}

/** What `/readyz` of a watch answers with. */
export interface WatchReport {
  /** Whether the files were right at the last look. */
  readonly ready: boolean;
  readonly phase: 'starting' | 'watching' | 'stopping';
  /** What it waits for, in a sentence; null when nothing is wanting. */
  readonly waitsFor: string | null;
  readonly upToDate: boolean;
  /** Since when {@link upToDate} is what it is. */
  readonly since: string;
  readonly keysWanted: number | null;
  readonly keysWritten: number | null;
  readonly lastLook: string | null;
  readonly lastRewrite: string | null;
  /** Whether the database tells of changes by itself; where it does not, they are seen at the next look. */
  readonly listening: boolean;
  readonly problem: Problem | null;
}

export interface WatchStateOptions {
  /** The machine's clock. */
  readonly now: () => Date;
  /** Takes secrets out of messages. */
  readonly scrub: (text: string) => string;
  readonly isListening: () => boolean;
}

/** Keeps what probes and figures tell of a watch. */
export class WatchState {
  readonly #options: WatchStateOptions;
  #phase: WatchReport['phase'] = 'starting';
  #isUpToDate = false;
  #since: Date;
  #keysWanted: number | undefined;
  #keysWritten: number | undefined;
  #lastLook: Date | undefined;
  #lastRewrite: Date | undefined;
  #problem: Problem | undefined;
  #rewrites = 0;
  readonly #refusals = new Map<Problem['code'], number>();

  constructor(options: WatchStateOptions) {
    this.#options = options;
    this.#since = options.now();
  }

  /** Files that were written from an older state than the database's are outdated from now on. */
  outdated(): void {
    this.#setUpToDate(false);
  }

  /** Says how many keys are wanted, before they are there. */
  wants(keys: number): void {
    this.#keysWanted = keys;
  }

  /** A look has found the files right, or made them so. */
  right(written?: WrittenState): void {
    this.#lastLook = this.#options.now();
    this.#problem = undefined;
    if (this.#phase === 'starting') this.#phase = 'watching';
    if (written !== undefined) {
      this.#keysWanted = written.keysWanted;
      this.#keysWritten = written.keysWritten;
    }
    if (written?.isChanged) {
      this.#lastRewrite = this.#lastLook;
      this.#rewrites++;
    }
    this.#setUpToDate(true);
  }

  /**
   * A look has failed, or what it wanted to write was refused.
   * @param isWrite - whether it was the writing that failed: files whose database cannot be looked at are not outdated for that
   */
  failed(error: unknown, { isWrite }: { readonly isWrite: boolean }): void {
    const { now, scrub } = this.#options;
    const code = error instanceof OperatorError ? error.code : 'bug';
    if (isWrite) this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
    const since = this.#problem?.code === code ? this.#problem.since : now().toISOString();
    const hint = error instanceof OperatorError && error.hint !== undefined ? scrub(error.hint) : null;
    this.#problem = { code, message: scrub(messageOf(error)), hint, since };
    if (isWrite) this.#setUpToDate(false);
  }

  stopping(): void {
    this.#phase = 'stopping';
  }

  /** How often files were written anew. */
  get rewrites(): number {
    return this.#rewrites;
  }

  /** How often writing was refused or failed, by the code of its error. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  report(): WatchReport {
    const problem = this.#problem ?? null;
    const isReady = this.#phase === 'watching' && problem === null;
    return {
      ready: isReady,
      phase: this.#phase,
      waitsFor: isReady ? null : (problem?.message ?? WAITS[this.#phase]),
      upToDate: this.#isUpToDate,
      since: this.#since.toISOString(),
      keysWanted: this.#keysWanted ?? null,
      keysWritten: this.#keysWritten ?? null,
      lastLook: this.#lastLook?.toISOString() ?? null,
      lastRewrite: this.#lastRewrite?.toISOString() ?? null,
      listening: this.#options.isListening(),
      problem,
    };
  }

  #setUpToDate(isUpToDate: boolean): void {
    if (this.#isUpToDate === isUpToDate) return;
    this.#isUpToDate = isUpToDate;
    this.#since = this.#options.now();
  }
}

const WAITS: Readonly<Record<WatchReport['phase'], string>> = {
  starting: 'The files are being compared with the database for the first time.',
  watching: 'Nothing.',
  stopping: 'The process is stopping.',
};
