import type { Logger } from './logger.ts';
import type { ProgressReporter } from './progress.ts';
import { formatTimeLeft, StepCourse } from './time-left.ts';

/** How often a log is told how far a step is. */
const EVERY_MS = 10_000;

/**
 * Tells a log how far a long step is: at its start, then every ten seconds with the time that is left.
 * @param now - milliseconds of a clock that only goes forward
 */
export function createLogProgress(
  log: Pick<Logger, 'info'>,
  now: () => number = () => performance.now(),
): ProgressReporter {
  return {
    start(label, total, { done = 0, lanes = 1 } = {}) {
      const course = new StepCourse({ total, done, lanes }, now());
      let toldMs = now();
      log.info(`${label}: ${done} of ${total}`);
      return {
        advance(items = 1) {
          const atMs = now();
          course.advance(items, atMs);
          if (atMs - toldMs < EVERY_MS || course.done >= total) return;
          toldMs = atMs;
          const leftMs = course.timeLeftMs(atMs);
          const left = leftMs === undefined ? '' : `, ${formatTimeLeft(leftMs)} left`;
          log.info(`${label}: ${course.done} of ${total}${left}`);
        },
        finish() {},
      };
    },
  };
}
