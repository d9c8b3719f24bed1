import type { ProgressBar, ProgressReporter } from '../lib/progress.ts';
import type { ReportedProgress } from './signer-orders.ts';

/** The child's side: how far its steps are, as reports for its parent. */
export function reportProgress(tell: (report: ReportedProgress) => void): ProgressReporter {
  return {
    start(label, total, { done = 0, lanes } = {}) {
      let reached = done;
      const report = (isEnded: boolean) => tell({ label, total, done: reached, lanes, isEnded });
      report(false);
      return {
        advance(items = 1) {
          reached += items;
          report(false);
        },
        finish: () => report(true),
      };
    },
  };
}

/** The parent's side: shows a child's reports, one step after another, as if they were its own. */
export function followProgress(reporter: ProgressReporter): (report: ReportedProgress) => void {
  let shown: { readonly bar: ProgressBar; done: number } | undefined;
  return ({ label, total, done, lanes, isEnded }) => {
    shown ??= { bar: reporter.start(label, total, { done, lanes }), done };
    if (done > shown.done) shown.bar.advance(done - shown.done);
    shown.done = done;
    if (!isEnded) return;
    shown.bar.finish();
    shown = undefined;
  };
}
