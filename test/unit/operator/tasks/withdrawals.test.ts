import { describe, expect, it } from 'vitest';
import { WAIT_REASONS } from '../../../../src/operator/probes/wait-reasons.ts';
import { withdrawFromValidators } from '../../../../src/operator/tasks/withdrawals-task.ts';
import type { WithdrawalOutcome } from '../../../../src/services/staking/withdrawals/withdraw-from-validators.ts';
import { readSamples, testMetrics } from '../../../support/operator-metrics.ts';

const NETWORK = { secondsPerSlot: 12, slotsPerEpoch: 32 };
const HASH = `0x${'ab'.repeat(32)}` as const;

/** What a pass with this outcome returns and shows. */
async function pass(outcome: WithdrawalOutcome) {
  const metrics = testMetrics();
  const task = withdrawFromValidators({ metrics, withdraw: async () => outcome }, NETWORK);
  const waitsFor = await task.run(new AbortController().signal);
  metrics.passEnded(task.name, { durationMs: 1, waitsFor });
  const samples = await readSamples(metrics);
  const reasons = [...samples.keys()].filter(name => name.startsWith('task_waiting'));
  return { waitsFor, reasons, queued: samples.get('queued_assets') };
}

const reason = (word: string) => [`task_waiting{task="withdraw-validators",reason="${word}"}`];

describe('withdrawFromValidators', () => {
  it.each(WAIT_REASONS.filter(word => /^(interval|not-|nothing|oracle|request|withdrawal)/.test(word)))(
    'the task shows that it waits, by the word %s and in a sentence',
    async word => {
      const outcome = { status: 'waiting', code: word, waitsFor: 'that', queuedAssetsGwei: 7n };
      const shown = await pass(outcome as WithdrawalOutcome);
      expect(shown).toEqual({ waitsFor: 'that', reasons: reason(word), queued: 7 });
    },
  );

  it('the task shows that a plan is made anew', async () => {
    const shown = await pass({ status: 'restarted', reason: 'the chain has moved on', queuedAssetsGwei: 7n });
    expect(shown).toEqual({ waitsFor: 'the chain has moved on', reasons: reason('restarted'), queued: 7 });
  });

  it('nothing is in the way of a task that has nothing to request, or has requested it', async () => {
    const idle = await pass({ status: 'nothing-missing', queuedAssetsGwei: 0n });
    expect(idle).toEqual({ waitsFor: 'assets to be missing in the exit queue', reasons: [], queued: 0 });
    const requested = await pass({ status: 'requested', hash: HASH, blockNumber: 7, queuedAssetsGwei: 1n });
    expect(requested).toEqual({ waitsFor: undefined, reasons: [], queued: 1 });
  });
});
