import { OperatorError } from '../../lib/errors.ts';
import type { Task } from '../loop/run-task.ts';

/** A task that needs the network's validators: it waits, and does not fail, until they have been read to the end. */
export function untilSynced(task: Task): Task {
  return {
    ...task,
    run: signal =>
      task.run(signal).catch((error: unknown) => {
        const isEarly = error instanceof OperatorError && error.code === 'network-validators-not-synced';
        if (!isEarly) throw error;
        return 'the deposits of the network to be read to the end';
      }),
  };
}
