import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../../../src/lib/error-codes.ts';
import { EXIT, ExternalError, OperatorError } from '../../../../../src/lib/errors.ts';
import {
  BLOCKED_REASONS,
  BlockedWatch,
  blockedByError,
  blockedByWait,
} from '../../../../../src/services/staking/registration/blocked-registration.ts';
import { testMetrics } from '../../../../support/operator-metrics.ts';
import { recordingLog } from '../../../../support/recording-log.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 29);

const failure = (code: ErrorCode) => new OperatorError(code, 'what is wrong', { exitCode: EXIT.failed });

/** A watch over the metrics of an operator, at a time that the test sets. */
function openWatch() {
  const metrics = testMetrics();
  const { log, texts } = recordingLog();
  const clock = { ms: START_MS };
  const show = metrics.showRegistrationBlocked;
  const watch = new BlockedWatch({ log, now: () => clock.ms, show });
  const shown = async () => {
    const samples = (await metrics.registry.metrics())
      .split('\n')
      .filter(line => line.startsWith('registration_blocked{'));
    return { count: samples.length, raised: samples.filter(line => line.endsWith(' 1')) };
  };
  return { watch, clock, texts, shown };
}

describe('what no waiting mends', () => {
  it.each([
    ['deposit-data-root-not-set', 'root_not_set'],
    ['deposit-data-root-mismatch', 'root_mismatch'],
    ['deposit-data-used-up', 'keys_used_up'],
    ['deposit-data-bad-signature', 'invalid_deposit_signature'],
    ['key-not-in-signer', 'key_not_in_signer'],
    ['key-already-registered', 'next_entry_registered'],
    ['not-validators-manager', 'not_validators_manager'],
    ['fee-ceiling', 'fee_ceiling'],
    ['insufficient-funds', 'wallet_funds'],
    ['harvest-not-possible', undefined],
    ['network-validators-not-synced', undefined],
  ] as const)('a registration that waits with the code %s is blocked by the reason %s', (code, reason) => {
    const blocked = blockedByWait({ status: 'waiting', code, waitsFor: 'a thing' });
    expect(blocked?.reason).toBe(reason);
    if (blocked !== undefined) expect(blocked.what).toBe('registration waits for a thing');
  });

  it.each([
    [failure('deposit-data-missing'), 'no_deposit_data'],
    [failure('deposit-data-empty'), 'no_deposit_data'],
    [failure('deposit-data-invalid'), 'invalid_deposit_data'],
    [failure('deposit-data-not-json'), 'invalid_deposit_data'],
    [failure('shares-outdated'), 'shares_unusable'],
    [failure('shares-not-loaded'), 'shares_unusable'],
    [new ExternalError('shares-inconsistent', 'what is wrong'), 'shares_unusable'],
    [failure('exit-key-not-loaded'), 'key_not_in_signer'],
    [failure('oracle-set-hash-mismatch'), 'oracle_set_refused'],
    [new ExternalError('insufficient-funds', 'what is wrong', { retryable: true }), 'wallet_funds'],
    [failure('statement-old'), 'other'],
    [failure('lease-lost'), undefined],
    [new ExternalError('timeout', 'a node is silent'), undefined],
    [new ExternalError('not-enough-approvals', 'oracles are silent'), undefined],
    [new TypeError('a bug'), undefined],
  ])('a pass that fails with %s is blocked by the reason %s', (error, reason) => {
    expect(blockedByError(error)?.reason).toBe(reason);
  });
});

describe('a registration that stays blocked', () => {
  it('a blocked registration is told of once an hour, with its beginning and what is in the way now', () => {
    const { watch, clock, texts } = openWatch();
    const blocked = { reason: 'root_mismatch', what: 'registration waits for another root' } as const;
    for (const minutes of [0, 1, 59, 60, 61, 119, 121, 180]) {
      clock.ms = START_MS + minutes * 60_000;
      watch.note(blocked);
    }
    // The first line is the registrar's own; 121 minutes are the next hour after 60.
    expect(texts('warn')).toEqual(
      Array.from(
        { length: 2 },
        () =>
          'No validator has been registered since 2026-11-29T00:00:00.000Z: registration waits for another root',
      ),
    );
    clock.ms = START_MS + 4 * HOUR_MS;
    watch.note({ reason: 'keys_used_up', what: 'registration waits for more deposit data' });
    expect(texts('warn')[2]).toBe(
      'No validator has been registered since 2026-11-29T00:00:00.000Z: registration waits for more deposit data',
    );
  });

  it('a registration that was free in between is not told of before another hour', () => {
    const { watch, clock, texts } = openWatch();
    const blocked = { reason: 'keys_used_up', what: 'registration waits for more deposit data' } as const;
    watch.note(blocked);
    clock.ms += HOUR_MS - 1;
    watch.note(undefined);
    clock.ms += 1;
    watch.note(blocked);
    clock.ms += HOUR_MS - 1;
    watch.note(blocked);
    expect(texts()).toEqual([]);
    clock.ms += 1;
    watch.note(blocked);
    expect(texts('warn')).toEqual([expect.stringContaining('since 2026-11-29T01:00:00.000Z')]);
  });

  it('the metric has one sample for each reason, of which one is raised while registration is blocked', async () => {
    const { watch, shown } = openWatch();
    const count = BLOCKED_REASONS.length;
    expect(await shown()).toEqual({ count, raised: [] });
    for (const reason of BLOCKED_REASONS) {
      watch.note({ reason, what: 'something' });
      expect(await shown()).toEqual({
        count,
        raised: [`registration_blocked{reason="${reason}",network="mainnet"} 1`],
      });
    }
    watch.note(undefined);
    expect(await shown()).toEqual({ count, raised: [] });
  });
});
