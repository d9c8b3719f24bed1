import type { WriteStream } from 'node:tty';
import { SingleBar } from 'cli-progress';
import { printable } from '../../lib/foreign-text.ts';
import type { ProgressBar, ProgressCourse, ProgressReporter } from '../../lib/progress.ts';
import { StepCourse } from '../../lib/time-left.ts';
import { renderBarLine } from './bar-line.ts';

/**
 * What is left of a step when it has ended, and what is shown of it without a terminal:
 * - `manual`: the bar; its bare label on a line, both as the manual shows them
 * - `kept`: the bar; nothing, since scripts read the lines they know
 * - `passing`: nothing; nothing
 */
export type ProgressStyle = 'manual' | 'kept' | 'passing';

/** Shows steps that take long. */
export interface Progress extends ProgressReporter, Disposable {
  /** Whether bars are drawn: the manual leaves a line free after those that stay. */
  readonly drawsBars: boolean;
}

/**
 * Progress on `output`. Disposing ends the bar of a step that failed, which has hidden the cursor, and takes it away if it
 * passes: what is said of the failure stands on a line of its own.
 */
export function createProgress(output: WriteStream, style: ProgressStyle): Progress {
  const drawsBars = output.isTTY;
  const open = new Set<ProgressBar>();
  return {
    drawsBars,
    start(label, total, course = {}) {
      if (!drawsBars) {
        if (style === 'manual') output.write(`${printable(label)}\n`);
        return { advance() {}, finish() {} };
      }
      const bar = startBar(output, printable(label), { ...course, total, isKept: style !== 'passing' });
      open.add(bar);
      return {
        advance: bar.advance,
        finish: () => {
          if (open.delete(bar)) bar.finish();
        },
      };
    },
    [Symbol.dispose]() {
      for (const bar of open) bar.finish();
      open.clear();
    },
  };
}

function startBar(
  output: WriteStream,
  label: string,
  {
    total,
    isKept,
    done = 0,
    lanes = 1,
  }: ProgressCourse & { readonly total: number; readonly isKept: boolean },
): ProgressBar {
  const course = new StepCourse({ total, done, lanes }, performance.now());
  const bar = new SingleBar({
    stream: output,
    // Its own estimate takes what came last for the pace, and bursts of threads for progress.
    format: () => {
      const state = { label, total, done: course.done, leftMs: course.timeLeftMs(performance.now()) };
      return renderBarLine(state, output.columns);
    },
    hideCursor: true,
    clearOnComplete: !isKept,
    // The last state must be on the screen when the step ends, however short it was.
    synchronousUpdate: true,
  });
  bar.start(total, done);
  return {
    advance: (items = 1) => {
      course.advance(items, performance.now());
      bar.update(course.done);
    },
    finish: () => bar.stop(),
  };
}
