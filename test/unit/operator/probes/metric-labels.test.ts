import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Registry } from '../../../../src/lib/metrics.ts';
import { METRIC_LABELS } from '../../../../src/operator/probes/metric-labels.ts';
import { createSignerMetrics } from '../../../../src/signer/http/signer-metrics.ts';
import { testMetrics, watchMetrics } from '../../../support/operator-metrics.ts';
import { PROJECT_ROOT } from '../../../support/programs/cli.ts';

/** What prom-client keeps of a metric and its types do not show; those of the process and of the runtime left out. */
function figuresOf(registry: Registry) {
  const all = registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly labelNames?: readonly string[];
  }[];
  return all.filter(({ name }) => !/^(process|nodejs)_/.test(name));
}

describe('labels of metrics', () => {
  it('every label of the operator’s metrics has a bound, and every bound a label', () => {
    const labels = figuresOf(testMetrics().registry).flatMap(one => one.labelNames ?? []);
    const bounded = Object.keys(METRIC_LABELS).filter(label => label !== 'network');
    expect([...new Set(labels)].sort()).toEqual(bounded.sort());
  });

  it('the label of tasks has room for every task, and for no other', () => {
    const tasks = globSync('src/operator/tasks/*-task.ts', { cwd: PROJECT_ROOT }).flatMap(path => [
      ...readFileSync(join(PROJECT_ROOT, path), 'utf8').matchAll(/^ {4}name: '([a-z-]+)',$/gm),
    ]);
    expect(tasks).toHaveLength(METRIC_LABELS.task.atMost);
  });

  it('the labels of the signer’s metrics are the statuses with which it refuses, and nothing else', () => {
    const labelled = figuresOf(createSignerMetrics(() => 0).registry).filter(
      ({ labelNames = [] }) => labelNames.length > 0,
    );
    expect(labelled.map(({ name, labelNames }) => [name, labelNames])).toEqual([
      ['signer_refused_requests_total', ['reason']],
    ]);
  });

  it('the labels of a watch’s metrics are codes of errors, and nothing else', () => {
    const labelled = figuresOf(watchMetrics()).filter(({ labelNames = [] }) => labelNames.length > 0);
    expect(labelled.map(({ name, labelNames }) => [name, labelNames])).toEqual([
      ['key_sync_problem', ['code']],
      ['key_sync_refused_total', ['code']],
    ]);
  });
});
