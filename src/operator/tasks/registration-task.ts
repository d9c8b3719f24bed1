import type { Logger } from '../../lib/logger.ts';
import type { Network } from '../../networks/network.ts';
import {
  BlockedWatch,
  blockedByError,
  blockedByWait,
} from '../../services/staking/registration/blocked-registration.ts';
import type {
  RegistrationOutcome,
  ValidatorRegistrar,
} from '../../services/staking/registration/register-validators.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';
import type { Outlook } from '../probes/outlook.ts';
import { waitReasonOf } from '../probes/wait-reasons.ts';

/** Where nothing is registered, validators are topped up all the same. */
export function stakingTaskName(isRegistering: boolean): string {
  return isRegistering ? 'register-validators' : 'fund-validators';
}

/**
 * Tops up and registers validators as soon as the vault has the assets, a batch a slot; tells every hour of what no waiting
 * mends.
 */
export function registerValidators(
  {
    loadRegistrar,
    metrics,
    outlook,
    log,
    now,
  }: {
    /** The same one as long as its configuration is the same. */
    readonly loadRegistrar: () => Promise<ValidatorRegistrar>;
    readonly metrics: Pick<OperatorMetrics, 'stakeableAssets' | 'showRegistrationBlocked' | 'showWait'>;
    readonly outlook: Pick<Outlook, 'passEnded'>;
    readonly log: Pick<Logger, 'warn'>;
    /** Milliseconds since 1970. */
    readonly now: () => number;
  },
  { secondsPerSlot }: Pick<Network, 'secondsPerSlot'>,
  { isRegistering = true }: { readonly isRegistering?: boolean | undefined } = {},
): Task {
  const watch = new BlockedWatch({ log, now, show: metrics.showRegistrationBlocked });
  const runPass = async (signal: AbortSignal) => {
    try {
      const registrar = await loadRegistrar();
      return await registrar.run(signal);
    } catch (error) {
      const blocked = blockedByError(error);
      // An outage says nothing of what was in the way before.
      if (blocked !== undefined && !signal.aborted) watch.note(blocked);
      throw error;
    }
  };
  const task: Task = {
    name: 'register-validators',
    intervalMs: secondsPerSlot * 1000,
    async run(signal) {
      const outcome = await runPass(signal);
      watch.note(outcome.status === 'waiting' ? blockedByWait(outcome) : undefined);
      metrics.stakeableAssets.set(Number(outcome.stakeableAssetsWei));
      metrics.showWait(stakingTaskName(isRegistering), waitReasonOf(outcome));
      const waitsFor = waitOf(outcome, isRegistering);
      outlook.passEnded(outcome.stakeableAssetsWei, waitsFor);
      return waitsFor;
    },
  };
  return { ...task, name: stakingTaskName(isRegistering) };
}

function waitOf(outcome: RegistrationOutcome, isRegistering: boolean): string | undefined {
  if (outcome.status === 'waiting') return outcome.waitsFor;
  if (outcome.status === 'idle') {
    return isRegistering ? 'assets for the next validator' : 'assets, and validators with room for them';
  }
  return outcome.status === 'restarted' ? outcome.reason : undefined;
}
