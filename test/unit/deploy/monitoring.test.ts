// Dashboard, alerts and pages name only figures that the program has, and leave none out.
import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Histogram, type Registry, Summary } from '../../../src/lib/metrics.ts';
import { METRIC_LABELS } from '../../../src/operator/probes/metric-labels.ts';
import { BLOCKED_REASONS } from '../../../src/services/staking/registration/blocked-registration.ts';
import { WITHDRAWAL_WAITS } from '../../../src/services/staking/withdrawals/withdrawal-waits.ts';
import { createSignerMetrics } from '../../../src/signer/http/signer-metrics.ts';
import {
  type DeployedQuery,
  deployedFiles,
  panelQueries,
  partsOfPromql,
  readAlerts,
  readDashboards,
  readDeployed,
} from '../../support/monitoring.ts';
import { testMetrics, watchMetrics } from '../../support/operator-metrics.ts';
import { PROJECT_ROOT } from '../../support/programs/cli.ts';

/** What prom-client keeps of a metric and its types do not show. */
interface Figure {
  readonly name: string;
  readonly labelNames?: readonly string[];
}

const figuresOf = (registry: Registry) => registry.getMetricsAsArray() as unknown as readonly Figure[];
const isOfProcess = ({ name }: Figure) => /^(process|nodejs)_/.test(name);
const operator = figuresOf(testMetrics().registry);
const signer = figuresOf(createSignerMetrics(() => 0).registry);
const watch = figuresOf(watchMetrics());
const alerts = readAlerts();
const alertsPage = readDeployed('docs/alerts.md');
const monitoringPage = readDeployed('docs/monitoring.md');

/** Labels that the scraper and the alerts put on, and the one that a registry puts on all. */
const OF_TARGET = ['job', 'instance', 'network'];

/** Labels of each series, by the name that Prometheus gives it. */
function seriesOf(figures: readonly Figure[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    figures.flatMap((figure): [string, readonly string[]][] => {
      const { name, labelNames = [] } = figure;
      const parts: [string, readonly string[]][] = [
        [`${name}_sum`, labelNames],
        [`${name}_count`, labelNames],
      ];
      if (figure instanceof Histogram) return [...parts, [`${name}_bucket`, [...labelNames, 'le']]];
      if (figure instanceof Summary) return [...parts, [name, [...labelNames, 'quantile']]];
      return [[name, labelNames]];
    }),
  );
}

const known = new Map([...seriesOf(operator), ...seriesOf(watch), ['up', []]]);
const knownLabels = new Set([...known.values()].flat().concat(OF_TARGET));

/** What of a query is not of the program. */
function faultsOf({ where, expr }: DeployedQuery): readonly string[] {
  const { isValid, selectors, grouping } = partsOfPromql(expr);
  if (!isValid) return [`${where} is no PromQL: ${expr}`];
  const unknown = selectors.flatMap(({ metric, labels }) => {
    const own = known.get(metric);
    if (own === undefined) return [`${where} asks for ${metric}, which the operator does not have`];
    return labels
      .filter(label => !own.includes(label) && !OF_TARGET.includes(label))
      .map(label => `${where} asks for the label ${label}, which ${metric} does not have`);
  });
  const strange = grouping.filter(label => !knownLabels.has(label));
  return [...unknown, ...strange.map(label => `${where} groups by ${label}, which no figure has`)];
}

/** Rows of tables whose first cell is a name in code, as name and labels. */
function documented(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/^\| `(\w+)` \| ((?:`\w+`(?:, )?)*) ?\| /gm)].map(([, name = '', labels = '']) => [
      name,
      labels.replaceAll('`', ''),
    ]),
  );
}

function sectionOf(page: string, title: string): string {
  return page.split(/^## /m).find(section => section.startsWith(`${title}\n`)) ?? '';
}

function expectedRows(figures: readonly Figure[]): ReadonlyMap<string, string> {
  return new Map(
    figures
      .filter(figure => !isOfProcess(figure))
      .map(({ name, labelNames = [] }) => [name, labelNames.join(', ')]),
  );
}

const sorted = (map: ReadonlyMap<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe('the dashboard and the alerts', () => {
  it('every query of the dashboard asks for figures and labels that the operator has', () => {
    const queries = panelQueries();
    expect(queries.length).toBeGreaterThan(40);
    expect(queries.flatMap(faultsOf)).toEqual([]);
    const variables = readDashboards().flatMap(({ templating }) =>
      templating.list.map(({ query }) =>
        /^label_values\((.*), (\w+)\)$/.exec(String((query as { query?: unknown }).query)),
      ),
    );
    const asked = variables.flatMap(match => match?.[1] ?? []);
    expect(asked.length).toBe(3);
    expect(asked.flatMap(expr => faultsOf({ where: 'a variable', expr }))).toEqual([]);
  });

  it('every alert asks for figures and labels that the operator has', () => {
    expect(alerts.length).toBeGreaterThan(10);
    expect(alerts.flatMap(({ alert, expr }) => faultsOf({ where: alert, expr }))).toEqual([]);
  });

  it('every panel of the dashboard says what it shows, and has a place of its own', () => {
    for (const { panels } of readDashboards()) {
      const shown = panels.filter(({ type }) => type !== 'row');
      expect(shown.filter(({ description = '' }) => description === '')).toEqual([]);
      const fields = panels.flatMap(({ gridPos }) => {
        const { x, y, w, h } = gridPos as { x: number; y: number; w: number; h: number };
        return Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`);
      });
      expect(new Set(fields).size).toBe(fields.length);
    }
  });

  it('every expression of the pages is PromQL over figures that the operator has', () => {
    const expressions = [monitoringPage, alertsPage].flatMap(page =>
      [...page.matchAll(/```promql\n(.*?)```/gs)].map(([, expr = '']) => expr),
    );
    expect(expressions.length).toBeGreaterThan(2);
    expect(expressions.flatMap(expr => faultsOf({ where: 'a page', expr }))).toEqual([]);
  });

  it('an expression that is no PromQL, or asks for what is not there, is found out', () => {
    const faults = (expr: string) => faultsOf({ where: 'it', expr });
    expect(faults('max(leader')).toEqual(['it is no PromQL: max(leader']);
    expect(faults('max(leaders)')).toEqual(['it asks for leaders, which the operator does not have']);
    expect(faults('leader{vault="0x"}')).toEqual(['it asks for the label vault, which leader does not have']);
    expect(faults('sum by (pod) (leader)')).toEqual(['it groups by pod, which no figure has']);
    expect(faults('task_duration_seconds')).toHaveLength(1);
  });
});

describe('the pages', () => {
  it('every figure of the operator and of the signer stands in docs/monitoring.md with its labels, and no other does', () => {
    const ofOperator = documented(sectionOf(monitoringPage, 'Figures of the operator'));
    expect(sorted(ofOperator)).toEqual(sorted(expectedRows(operator)));
    const ofSigner = documented(sectionOf(monitoringPage, 'Figures of the signer'));
    expect(sorted(ofSigner)).toEqual(sorted(expectedRows(signer)));
  });

  it('every label stands in docs/monitoring.md', () => {
    const rows = sectionOf(monitoringPage, 'Labels');
    const names = [...rows.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) =>
      cell.replaceAll('`', '').split(', '),
    );
    expect(names.sort()).toEqual(Object.keys(METRIC_LABELS).sort());
  });

  it('every metric that a page names is one of the program', () => {
    const names = new Set([...operator, ...signer].map(({ name }) => name));
    const pages = ['README.md', ...globSync('docs/*.md', { cwd: PROJECT_ROOT })];
    const named = pages.flatMap(page =>
      [...readDeployed(page).matchAll(/\bmetrics? `(\w+)`/g)].map(([, name = '']) => name),
    );
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter(name => !names.has(name))).toEqual([]);
    // Names in alerts.md are in code, and have an underscore as no other code there does.
    const snake = [...alertsPage.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, name = '']) => name);
    const others = new Set<string>([
      ...BLOCKED_REASONS,
      ...WITHDRAWAL_WAITS,
      'max_connections',
      'force_withdrawals_period',
    ]);
    expect(snake.filter(name => !names.has(name) && !others.has(name))).toEqual([]);
  });

  it('every alert has a section of docs/alerts.md that says when it fires, and every section an alert', () => {
    const sections = alertsPage.split(/^### /m).slice(1);
    const titles = sections.map(section => section.split('\n', 1)[0]);
    expect(titles.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    for (const { alert, labels, annotations } of alerts) {
      const section = sections.find(text => text.startsWith(`${alert}\n`)) ?? '';
      const severity = labels.severity === 'critical' ? 'Critical' : 'Warning';
      expect(section).toMatch(
        new RegExp(`^${alert}\n\n\\*\\*${severity} after \\d+ (minutes|hours?)\\.\\*\\* `),
      );
      expect(annotations.runbook).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
    }
    const anchors = [...(alertsPage + monitoringPage).matchAll(/\((?:alerts\.md)?#(stakewise\w+)\)/g)];
    expect(anchors.length).toBeGreaterThan(5);
    const known = alerts.map(({ alert }) => alert.toLowerCase());
    expect(anchors.filter(([, anchor = '']) => !known.includes(anchor))).toEqual([]);
  });

  it('docs/alerts.md says of every reason for which registration is blocked what to do', () => {
    const rows = [...alertsPage.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) =>
      cell.replaceAll('`', '').split(', '),
    );
    expect(rows.sort()).toEqual([...BLOCKED_REASONS].sort());
  });

  it('docs/alerts.md says of every reason for which nothing is withdrawn what to do', () => {
    const items = [...alertsPage.matchAll(/^- `(\w+)`: /gm)].map(([, reason = '']) => reason);
    expect(items.sort()).toEqual([...WITHDRAWAL_WAITS].sort());
  });
});

describe('the tests of the alerts', () => {
  const tests = deployedFiles('deploy/prometheus/*.tests.yml').flatMap(
    path =>
      (
        parse(readDeployed(path)) as {
          tests: {
            input_series: { series: string }[];
            alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[];
          }[];
        }
      ).tests,
  );

  it('every alert is seen to fire by promtool, and no test is of an alert that is not there', () => {
    const cases = tests.flatMap(test => test.alert_rule_test);
    const firing = cases.filter(({ exp_alerts = [] }) => exp_alerts.length > 0);
    const names = alerts.map(({ alert }) => alert).sort();
    expect([...new Set(firing.map(({ alertname }) => alertname))].sort()).toEqual(names);
    expect(cases.filter(({ alertname }) => !names.includes(alertname))).toEqual([]);
  });

  it('every series of these tests is one that the operator has', () => {
    const series = tests.flatMap(test => test.input_series.map(input => input.series));
    expect(series.flatMap(expr => faultsOf({ where: 'a test', expr }))).toEqual([]);
  });
});
