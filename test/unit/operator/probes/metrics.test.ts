import { describe, expect, it } from 'vitest';
import { createOperatorMetrics } from '../../../../src/operator/probes/metrics.ts';

/** Samples of the operator's own figures, those of the process left out. */
async function samplesOf(metrics: ReturnType<typeof createOperatorMetrics>): Promise<string[]> {
  const text = await metrics.registry.metrics();
  return text.split('\n').filter(line => line !== '' && !/^(#|process_|nodejs_)/.test(line));
}

describe('createOperatorMetrics', () => {
  it('createOperatorMetrics labels every figure with the network, one that has labels of its own and one that has none', async () => {
    const metrics = createOperatorMetrics({ version: '1.2.3', prefix: 'sw_operator', network: 'hoodi' });
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
    const metrics = createOperatorMetrics({ version: '1', prefix: '', network: 'mainnet' });
    const blocked = async () =>
      (await samplesOf(metrics)).filter(line => line.startsWith('transactions_blocked'));
    expect(await blocked()).toEqual([]);
    metrics.showTransactionBlock('update-exit-signatures', 'fee-ceiling');
    metrics.showTransactionBlock('harvest', undefined);
    const rotation =
      'transactions_blocked{kind="update-exit-signatures",reason="fee_ceiling",network="mainnet"}';
    const harvest = 'transactions_blocked{kind="harvest",reason="fee_ceiling",network="mainnet"}';
    expect(await blocked()).toEqual([`${rotation} 1`, `${harvest} 0`]);
    metrics.showTransactionBlock('update-exit-signatures', undefined);
    expect(await blocked()).toEqual([`${rotation} 0`, `${harvest} 0`]);
  });
});
