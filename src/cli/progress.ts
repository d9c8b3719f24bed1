import type { WriteStream } from 'node:tty';
import { SingleBar } from 'cli-progress';
import type { ProgressBar, ProgressReporter } from '../lib/progress.ts';

/** Bars in the manual's shape on a terminal; elsewhere each step is its bare label on a line of its own. */
export function createProgressReporter(output: WriteStream): ProgressReporter {
  return {
    start: (label, total) => (output.isTTY ? startBar(output, label, total) : startLine(output, label)),
  };
}

/** Bars that the Python operator has not got: on a terminal only, so that scripts read the lines they know. */
export function createExtraProgressReporter(output: WriteStream): ProgressReporter {
  return {
    start: (label, total) => (output.isTTY ? startBar(output, label, total) : { advance() {}, finish() {} }),
  };
}

function startBar(output: WriteStream, label: string, total: number): ProgressBar {
  const bar = new SingleBar({
    stream: output,
    format: `${label}  [{bar}]  {value}/{total}`,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    barsize: 36,
    hideCursor: true,
    // The last state must be on the screen when the step ends, however short it was.
    synchronousUpdate: true,
  });
  bar.start(total, 0);
  return { advance: (items = 1) => bar.increment(items), finish: () => bar.stop() };
}

function startLine(output: WriteStream, label: string): ProgressBar {
  output.write(`${label}\n`);
  return { advance() {}, finish() {} };
}
