import type { Network } from '../../networks/network.ts';
import type { RotationOutcome } from '../../services/exits/rotation/rotate-exit-signatures.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';

/** The oracles are asked that often what is outdated, in slots. */
const INTERVAL_SLOTS = 5;

/** Makes exit signatures anew that a change of the oracle set has made worthless. */
export function rotateExitSignaturesTask(
  {
    rotate,
    metrics,
  }: {
    readonly rotate: (signal: AbortSignal) => Promise<RotationOutcome>;
    readonly metrics: Pick<OperatorMetrics, 'outdatedSignatures'>;
  },
  { secondsPerSlot }: Pick<Network, 'secondsPerSlot'>,
): Task {
  return {
    name: 'rotate-exit-signatures',
    intervalMs: INTERVAL_SLOTS * secondsPerSlot * 1000,
    async run(signal) {
      const outcome = await rotate(signal);
      if (outcome.outdated !== null) metrics.outdatedSignatures.set(outcome.outdated);
      if (outcome.status === 'waiting') return outcome.waitsFor;
      if (outcome.status === 'restarted') return outcome.reason;
      return outcome.skipped.length > 0
        ? `the exits of ${outcome.skipped.length} validators: ${outcome.skipped[0]?.reason}`
        : undefined;
    },
  };
}
