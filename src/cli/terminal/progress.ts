import type { WriteStream } from 'node:tty';
import { SingleBar } from 'cli-progress';
import { printable } from '../../lib/foreign-text.ts';
import type { ProgressBar, ProgressReporter } from '../../lib/progress.ts';

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

/** Progress on `output`. Disposing takes away what a failed step has left, so that the error stands on a line of its own. */
export function createProgress(output: WriteStream, style: ProgressStyle): Progress {
  const drawsBars = output.isTTY;
  const passing = new Set<ProgressBar>();
  return {
    drawsBars,
    start(label, total) {
      if (!drawsBars) {
        if (style === 'manual') output.write(`${printable(label)}\n`);
        return { advance() {}, finish() {} };
      }
      const bar = startBar(output, label, { total, isKept: style !== 'passing' });
      if (style !== 'passing') return bar;
      passing.add(bar);
      return {
        advance: bar.advance,
        finish: () => {
          if (passing.delete(bar)) bar.finish();
        },
      };
    },
    [Symbol.dispose]() {
      for (const bar of passing) bar.finish();
      passing.clear();
    },
  };
}

function startBar(
  output: WriteStream,
  label: string,
  { total, isKept }: { readonly total: number; readonly isKept: boolean },
): ProgressBar {
  const bar = new SingleBar({
    stream: output,
    format: `${printable(label)}  [{bar}]  {value}/{total}`,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    barsize: 36,
    hideCursor: true,
    clearOnComplete: !isKept,
    // The last state must be on the screen when the step ends, however short it was.
    synchronousUpdate: true,
  });
  bar.start(total, 0);
  return { advance: (items = 1) => bar.increment(items), finish: () => bar.stop() };
}
