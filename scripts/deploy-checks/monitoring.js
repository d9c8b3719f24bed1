// The alerts by promtool, and dashboard and alerts by what a real Prometheus makes of an operator at work.
import { globSync } from 'node:fs';
import { root } from './tools.js';

const filesOf = pattern => globSync(`deploy/prometheus/${pattern}`, { cwd: root }).sort();

export const monitoringSteps = [
  {
    name: 'alert rules',
    run({ tools }) {
      tools.run('promtool', ['check', 'rules', ...filesOf('*.rules.yml')]);
    },
  },
  {
    name: 'every alert fires',
    run({ tools }) {
      tools.run('promtool', ['test', 'rules', ...filesOf('*.tests.yml')]);
    },
  },
  {
    name: 'every query of dashboard and alerts, asked of a Prometheus',
    run({ tools }) {
      tools.run(process.execPath, ['test/monitoring/main.ts', 'prometheus']);
    },
  },
];
