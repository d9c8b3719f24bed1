import type { ErrorCode } from '../../lib/error-codes.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { Gauge } from '../../lib/metrics.ts';
import { OTHER } from './metric-labels.ts';
import type { WaitReason } from './wait-reasons.ts';

type ShownWait = WaitReason | ErrorCode | typeof OTHER;

/**
 * What tasks wait for: the reason that a pass has told of, or the code of the error that it failed with. A task has one at a
 * time, as what another pass finds takes the place of what was there.
 */
export class WaitFigure {
  readonly #gauge: Gauge<'task' | 'reason'>;
  readonly #shown = new Map<string, ShownWait>();
  /** What passes that are under way have told. */
  readonly #told = new Map<string, WaitReason | undefined>();

  constructor(gauge: Gauge<'task' | 'reason'>) {
    this.#gauge = gauge;
  }

  /** Is told in the middle of a pass; undefined when nothing is in its way. */
  tell(task: string, reason: WaitReason | undefined): void {
    this.#told.set(task, reason);
  }

  /** Shows what a pass has ended with. @param error - why it failed; undefined when it did not */
  passEnded(task: string, error: unknown): void {
    const told = this.#told.get(task);
    this.#told.delete(task);
    this.#show(task, error === undefined ? told : codeOf(error));
  }

  /** A task that has ended waits for nothing. */
  taskEnded(task: string): void {
    this.#told.delete(task);
    this.#show(task, undefined);
  }

  #show(task: string, reason: ShownWait | undefined): void {
    const before = this.#shown.get(task);
    if (before === reason) return;
    if (before !== undefined) this.#gauge.remove({ task, reason: before });
    this.#shown.delete(task);
    if (reason === undefined) return;
    this.#gauge.set({ task, reason }, 1);
    this.#shown.set(task, reason);
  }
}

function codeOf(error: unknown): ShownWait {
  return error instanceof OperatorError ? error.code : OTHER;
}
