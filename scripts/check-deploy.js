// Holds what is deployed beside the program to the program: the alerts to promtool's tests, and dashboard and alerts to what a real
// Prometheus makes of an operator at work. Needs prometheus and promtool: see fetch-prometheus.js.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findPrometheus } from './prometheus-tools.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const tools = findPrometheus();
if (tools === undefined) {
  process.stderr.write('prometheus and promtool are not installed: run "npm run fetch:prometheus".\n');
  process.exit(1);
}
const filesOf = pattern => globSync(`deploy/prometheus/${pattern}`, { cwd: root }).sort();
run(tools.promtool, ['check', 'rules', ...filesOf('*.rules.yml')]);
run(tools.promtool, ['test', 'rules', ...filesOf('*.tests.yml')]);
run(process.execPath, ['test/monitoring/main.ts', tools.prometheus]);

function run(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
