// Writes deploy/grafana/*.json from the dashboards in scripts/dashboards, or with --check fails when a file is not what they say.
import { OPERATOR_DASHBOARD } from './dashboards/operator-dashboard.ts';
import { writeOrCheck } from './generated-page.js';

writeOrCheck(`${JSON.stringify(OPERATOR_DASHBOARD, null, 2)}\n`, {
  name: 'stakewise-operator.json',
  script: 'dashboards',
  folder: 'deploy/grafana',
});
