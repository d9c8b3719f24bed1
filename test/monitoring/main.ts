// Asks a real Prometheus, which scrapes an operator at work, every question of every panel and of every alert. The operator registers,
// rotates and harvests on a local chain first: a panel that has no data then never has any.
// Usage: node test/monitoring/main.ts PROMETHEUS (a program, by path or name)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METRIC_LABELS } from '../../src/operator/probes/metric-labels.ts';
import { freePort } from '../devnet/listen.ts';
import { deployedFiles, panelQueries, readAlerts, readDashboards } from '../support/monitoring.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { startOperatorScene } from '../support/scenes/operator-scene.ts';
import { waitUntil } from '../support/wait-until.ts';
import { askPrometheus, type Prometheus, startPrometheus } from './prometheus.ts';

const STAKE_ETHER = 32;
const JOB = 'stakewise-operator';
/** The pace of seconds in which this operator registers uses up every key within a week. */
const EXPECTED_TO_FIRE: readonly string[] = ['StakewiseKeysRunningOut'];

const [program] = process.argv.slice(2);
if (program === undefined) throw new Error('Usage: node test/monitoring/main.ts PROMETHEUS');
const faults: string[] = [];
await using stack = new AsyncDisposableStack();
const scene = stack.use(await startOperatorScene({ validators: 8, oracles: 4, threshold: 3 }));
const metricsPort = await freePort();
const operator = stack.use(
  startOperatorProcess([
    ...scene.args,
    '--harvest-vault',
    '--enable-metrics',
    '--metrics-port',
    String(metricsPort),
  ]),
);
const folder = mkdtempSync(join(tmpdir(), 'stakewise-prometheus-'));
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
const prometheus = stack.use(await startPrometheus(program, { folder, config: configOf(metricsPort) }));

console.log('An operator registers, rotates and harvests; a Prometheus looks on.');
await operator.printed('Started operator service');
await scene.devnet.depositEther(2 * STAKE_ETHER);
await operator.printed('Successfully registered validators');
await scene.devnet.updateOracles({ count: 3, threshold: 2 });
await operator.printed('Successfully rotated exit signatures');
await scene.devnet.distributeRewards([
  { vault: scene.vault, consensusWei: 10n ** 17n, unlockedMevWei: 10n ** 16n },
]);
await operator.printed('Successfully harvested vault');
await waitForScrapes(prometheus);

await checkVariables(prometheus);
await checkPanels(prometheus);
await checkAlerts(prometheus);
await checkLabels(prometheus);
const stopped = await operator.stop();
if (stopped.exitCode !== 0) faults.push(`the operator ended with ${stopped.exitCode}`);
for (const fault of faults) console.error(`FAULT ${fault}`);
console.log(faults.length === 0 ? 'All of it has data.' : `${faults.length} faults.`);
process.exitCode = faults.length === 0 ? 0 : 1;

function configOf(port: number): string {
  const rules = deployedFiles('deploy/prometheus/*.rules.yml').map(path => join(PROJECT_ROOT, path));
  return JSON.stringify({
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: rules,
    scrape_configs: [{ job_name: JOB, static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
  });
}

/** A rate takes two scrapes, of which the later one has seen the last that happened. */
async function waitForScrapes(server: Prometheus): Promise<void> {
  const seen =
    'sum(count_over_time((transactions_total{kind="harvest", status="confirmed"} == 1)[1m:1s])) >= 3';
  await waitUntil(
    'the harvest to be scraped three times',
    async () => ((await askPrometheus(server, seen)).length > 0 ? true : undefined),
    { everyMs: 500, lastSeen: () => server.output },
  );
}

/** The variables of the dashboard, as Grafana asks for their values. */
async function checkVariables(server: Prometheus): Promise<void> {
  for (const { templating } of readDashboards()) {
    for (const { name, query } of templating.list) {
      const text = typeof query === 'string' ? query : String((query as { query?: unknown } | null)?.query);
      const [, series, label] = /^label_values\((.*), (\w+)\)$/.exec(text) ?? [];
      if (series === undefined || label === undefined) continue;
      const found = await askPrometheus(server, `count by (${label}) (${fillIn(series)})`);
      console.log(`variable ${name}: ${found.map(({ metric }) => metric[label]).join(', ')}`);
      if (found.length === 0) faults.push(`the variable ${name} has no values`);
    }
  }
}

async function checkPanels(server: Prometheus): Promise<void> {
  const queries = panelQueries();
  for (const { where, expr } of queries) {
    const found = await askPrometheus(server, fillIn(expr));
    const figures = found.map(({ value }) => Number(value[1])).filter(Number.isFinite);
    if (figures.length === 0) faults.push(`${where} has no data: ${fillIn(expr)}`);
  }
  console.log(`${queries.length} queries of panels were asked.`);
}

/** Each rule is evaluated without an error, and an operator that works raises none. */
async function checkAlerts(server: Prometheus): Promise<void> {
  const alerts = readAlerts();
  for (const { expr } of alerts) await askPrometheus(server, expr);
  const evaluated = await waitUntil(
    'every rule to be evaluated',
    async () => {
      const rules = await server.rules();
      return rules.every(rule => rule.health === 'ok') && rules.length > 0 ? rules : undefined;
    },
    { everyMs: 500, lastSeen: () => server.output },
  );
  if (evaluated.length !== alerts.length)
    faults.push(`${evaluated.length} rules are loaded, not ${alerts.length}`);
  const active = evaluated.filter(({ state }) => state !== 'inactive').map(({ name }) => name);
  for (const name of active.filter(one => !EXPECTED_TO_FIRE.includes(one)))
    faults.push(`the alert ${name} is raised by an operator that works`);
  console.log(`${evaluated.length} alerts were evaluated.`);
}

async function checkLabels(server: Prometheus): Promise<void> {
  for (const [label, { atMost }] of Object.entries(METRIC_LABELS)) {
    const own = `{job="${JOB}", __name__!~"(process|nodejs)_.*|up|scrape_.*", ${label}!=""}`;
    const count = (await askPrometheus(server, `count by (${label}) (${own})`)).length;
    if (count === 0) faults.push(`no figure has the label ${label}`);
    if (count > atMost) faults.push(`the label ${label} has ${count} values, more than ${atMost}`);
  }
}

function fillIn(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '2m')
    .replaceAll('$job', JOB)
    .replaceAll('$vault', scene.vault)
    .replaceAll('$instance', '.*');
}
