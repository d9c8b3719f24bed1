import { describe, expect, it } from 'vitest';
import { ExternalError } from '../../../../src/lib/errors.ts';
import { MAX_SERVERS } from '../../../../src/operator/probes/metric-labels.ts';
import type { OperatorMetrics } from '../../../../src/operator/probes/metrics.ts';
import type { WaitReason } from '../../../../src/operator/probes/wait-reasons.ts';
import { WITHDRAWAL_WAITS } from '../../../../src/services/staking/withdrawals/withdrawal-waits.ts';
import { METRICS_VAULT, readSamples, testMetrics } from '../../../support/operator-metrics.ts';

/** Samples of the operator's own figures, those of the process left out. */
async function samplesOf(metrics: OperatorMetrics): Promise<string[]> {
  const text = await metrics.registry.metrics();
  return text.split('\n').filter(line => line !== '' && !/^(#|process_|nodejs_)/.test(line));
}

describe('createOperatorMetrics', () => {
  it('createOperatorMetrics labels every figure with the network, one that has labels of its own and one that has none', async () => {
    const metrics = testMetrics({ version: '1.2.3', prefix: 'sw_operator', network: 'hoodi' });
    metrics.blockNumber.set(7);
    metrics.oracleSetChanges.inc();
    metrics.transactions.inc({ kind: 'harvest', status: 'confirmed' });
    metrics.observe('rpc')({ server: 'http://node', durationMs: 10, outcome: 'ok' });
    metrics.passEnded('watch-chain', { durationMs: 10 });
    const samples = await samplesOf(metrics);
    expect(samples.filter(line => !/[{,]network="hoodi"[,}]/.test(line))).toEqual([]);
    expect(samples).toEqual(
      expect.arrayContaining([
        'sw_operator_app_version_info{version="v1.2.3",network="hoodi"} 1',
        'sw_operator_block_number{network="hoodi"} 7',
        'sw_operator_oracle_set_changes_total{network="hoodi"} 1',
        'sw_operator_transactions_total{kind="harvest",status="confirmed",network="hoodi"} 1',
      ]),
    );
  });

  it('createOperatorMetrics shows by kind and reason whether a transaction waits', async () => {
    const metrics = testMetrics();
    const blocked = async () =>
      (await samplesOf(metrics)).filter(line => /^transactions_blocked.*"(update|harvest)/.test(line));
    const rotation =
      'transactions_blocked{kind="update-exit-signatures",reason="fee_ceiling",network="mainnet"}';
    const harvest = 'transactions_blocked{kind="harvest",reason="fee_ceiling",network="mainnet"}';
    metrics.showTransactionBlock('update-exit-signatures', 'fee-ceiling');
    expect(await blocked()).toEqual([`${rotation} 1`, `${harvest} 0`]);
    metrics.showTransactionBlock('update-exit-signatures', undefined);
    expect(await blocked()).toEqual([`${rotation} 0`, `${harvest} 0`]);
  });

  it('createOperatorMetrics shows why nothing is withdrawn, one reason at a time, and none when the lease ends', async () => {
    const metrics = testMetrics();
    const blocked = async () =>
      (await samplesOf(metrics)).filter(line => /^withdrawals_blocked.* 1$/.test(line));
    expect((await samplesOf(metrics)).filter(line => line.startsWith('withdrawals_blocked{'))).toHaveLength(
      WITHDRAWAL_WAITS.length,
    );
    metrics.showWithdrawalsBlocked('oracle_exits');
    metrics.showWithdrawalsBlocked('request_fee');
    metrics.validatorsExitedByOracles.set(2);
    expect(await blocked()).toEqual(['withdrawals_blocked{reason="request_fee",network="mainnet"} 1']);
    metrics.leaseEnded();
    expect(await blocked()).toEqual([]);
    expect((await readSamples(metrics)).get('validators_exited_by_oracles')).toBe(0);
  });

  it('createOperatorMetrics shows from the beginning what other figures are compared with, and whose they are', async () => {
    const samples = await readSamples(testMetrics({ version: '1.2.3' }));
    expect(samples.get(`vault_info{vault="${METRICS_VAULT}"}`)).toBe(1);
    expect(samples.get(`build_info{version="v1.2.3",node="${process.version}"}`)).toBe(1);
    expect(samples.get('fee_ceiling_wei')).toBe(1e10);
    expect(samples.get('wallet_minimum_wei')).toBe(3e16);
    expect(samples.get('assets_per_validator_wei')).toBe(32e18);
    expect(samples.get('service_started')).toBe(0);
  });

  it('createOperatorMetrics shows no count of unused keys before they have been counted: zero would be an alarm', async () => {
    const metrics = testMetrics();
    expect((await readSamples(metrics)).has('unused_validator_keys')).toBe(false);
    metrics.unusedValidatorKeys.set(0);
    expect((await readSamples(metrics)).get('unused_validator_keys')).toBe(0);
  });

  it('createOperatorMetrics counts failed passes by task and in all, and how many failed in a row', async () => {
    const metrics = testMetrics();
    metrics.expectTask('watch-chain');
    const figures = async () => {
      const samples = await readSamples(metrics);
      return [
        samples.get('task_failures_total{task="watch-chain"}'),
        samples.get('task_failures_in_a_row{task="watch-chain"}'),
        samples.get('exception_count_total'),
      ];
    };
    expect(await figures()).toEqual([0, 0, 0]);
    const fail = () => metrics.passEnded('watch-chain', { durationMs: 1, error: new Error('down') });
    fail();
    fail();
    expect(await figures()).toEqual([2, 2, 2]);
    metrics.passEnded('watch-chain', { durationMs: 1 });
    expect(await figures()).toEqual([2, 0, 2]);
    fail();
    metrics.taskEnded('watch-chain');
    expect(await figures()).toEqual([3, 0, 3]);
  });

  it('createOperatorMetrics shows one reason for which a task waits, or the code of its failure, until a pass says another', async () => {
    const metrics = testMetrics();
    const task = 'withdraw-validators';
    const shown = async () =>
      [...(await readSamples(metrics))].filter(([name]) => /^task_waiting/.test(name));
    const reason = (word: string) => [[`task_waiting{task="${task}",reason="${word}"}`, 1]];
    const pass = (word: WaitReason | undefined, error?: Error) => {
      metrics.showWait(task, word);
      metrics.passEnded(task, { durationMs: 1, error });
    };
    expect(await shown()).toEqual([]);
    pass('oracle-exits-unknown');
    expect(await shown()).toEqual(reason('oracle-exits-unknown'));
    metrics.passEnded('watch-chain', { durationMs: 1 });
    expect(await shown()).toEqual(reason('oracle-exits-unknown'));
    pass('request-fee-too-high');
    expect(await shown()).toEqual(reason('request-fee-too-high'));
    // What a pass has told before it failed is not what is in its way.
    pass('interval', new ExternalError('beacon-chain-reorganised', 'Its chain was reorganised.'));
    expect(await shown()).toEqual(reason('beacon-chain-reorganised'));
    metrics.passEnded(task, { durationMs: 1, error: new Error('a bug') });
    expect(await shown()).toEqual(reason('other'));
    pass(undefined);
    expect(await shown()).toEqual([]);
    pass('interval');
    metrics.taskEnded(task);
    expect(await shown()).toEqual([]);
  });

  it('createOperatorMetrics leaves to the next holder of the lease what only the holder knows', async () => {
    const metrics = testMetrics();
    metrics.leader.set(1);
    metrics.lease.leaseTaken();
    metrics.lease.leaseRenewed();
    metrics.outdatedSignatures.set(4);
    metrics.stakeableAssets.set(64e18);
    metrics.showRegistrationBlocked('root_mismatch');
    metrics.showTransactionBlock('harvest', 'fee-ceiling');
    metrics.showTransactionPending('harvest', 1_700_000_000_500);
    const names = [
      'leader',
      'lease_acquired_timestamp_seconds',
      'lease_renewed_timestamp_seconds',
      'outdated_signatures',
      'stakeable_assets',
      'registration_blocked{reason="root_mismatch"}',
      'transactions_blocked{kind="harvest",reason="fee_ceiling"}',
      'transaction_pending_since_timestamp_seconds{kind="harvest"}',
    ];
    const before = await readSamples(metrics);
    expect(names.filter(name => !before.get(name))).toEqual([]);
    expect(before.get('transaction_pending_since_timestamp_seconds{kind="harvest"}')).toBe(1_700_000_000.5);
    metrics.leaseEnded();
    const after = await readSamples(metrics);
    expect(names.map(name => after.get(name))).toEqual(names.map(() => 0));
  });

  it('createOperatorMetrics tells so many servers apart and no more, and only kinds of transactions that there are', async () => {
    const metrics = testMetrics();
    const observe = metrics.observe('oracle');
    for (let i = 0; i < 2 * MAX_SERVERS; i++)
      observe({ server: `http://oracle-${i}`, durationMs: 1, outcome: 'ok' });
    metrics.showTransactionPending('whatever a row says', 1);
    const samples = await readSamples(metrics);
    const servers = [...samples.keys()].filter(name => name.startsWith('request_duration_seconds_count'));
    expect(servers).toHaveLength(MAX_SERVERS + 1);
    expect(samples.get('request_duration_seconds_count{target="oracle",server="other",outcome="ok"}')).toBe(
      MAX_SERVERS,
    );
    expect([...samples.keys()].filter(name => name.includes('whatever'))).toEqual([]);
  });
});
