import type { WriteStream } from 'node:tty';
import { SingleBar } from 'cli-progress';
import { printable } from '../../lib/foreign-text.ts';
import type { ProgressBar, ProgressReporter } from '../../lib/progress.ts';

/** Bars in the manual's shape on a terminal; elsewhere each step is its bare label on a line of its own. */
export function createProgressReporter(output: WriteStream): ProgressReporter {
  return {
    start: (label, total) =>
      output.isTTY ? startBar(output, label, { total, isKept: true }) : startLine(output, label),
  };
}

/** Bars that stay, as in the manual, and without a terminal no line at all. */
export function createTerminalProgressReporter(output: WriteStream): ProgressReporter {
  return {
    start: (label, total) =>
      output.isTTY ? startBar(output, label, { total, isKept: true }) : { advance() {}, finish() {} },
  };
}

/** Bars of long steps. They leave no trace: a step that has ended takes its bar away, and without a terminal there is none. */
export class PassingBars implements ProgressReporter, Disposable {
  readonly #output: WriteStream;
  readonly #open = new Set<ProgressBar>();

  constructor(output: WriteStream) {
    this.#output = output;
  }

  start(label: string, total: number): ProgressBar {
    if (!this.#output.isTTY) return { advance() {}, finish() {} };
    const bar = startBar(this.#output, label, { total, isKept: false });
    this.#open.add(bar);
    return {
      advance: bar.advance,
      finish: () => {
        if (this.#open.delete(bar)) bar.finish();
      },
    };
  }

  /** Takes away what a failed step has left, so that the error stands on a line of its own and the cursor shows. */
  [Symbol.dispose](): void {
    for (const bar of this.#open) bar.finish();
    this.#open.clear();
  }
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

function startLine(output: WriteStream, label: string): ProgressBar {
  output.write(`${printable(label)}\n`);
  return { advance() {}, finish() {} };
}
