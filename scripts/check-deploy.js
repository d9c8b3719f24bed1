// Checks what is in deploy/ with the tools that read it in the field: Helm, the schemas of Kubernetes, promtool, docker-compose,
// systemd-analyze, Prometheus. scripts/deploy-tools.sh installs them.
//   npm run check:deploy [-- --tools FOLDER] [-- --write] [-- NAME …]
// --write writes test/deploy/rendered anew, which tests without tools read. Names choose steps.
import { chartSteps } from './deploy-checks/chart.js';
import { composeSteps } from './deploy-checks/compose.js';
import { monitoringSteps } from './deploy-checks/monitoring.js';
import { systemdSteps } from './deploy-checks/systemd.js';
import { createTools } from './deploy-checks/tools.js';

/** Each step has a name and `run`, which throws an Error that says what is wrong. Further checks are further steps. */
const STEPS = [...chartSteps, ...composeSteps, ...systemdSteps, ...monitoringSteps];

const args = process.argv.slice(2);
const folder = args.includes('--tools') ? args.splice(args.indexOf('--tools'), 2)[1] : undefined;
const isWriting = args.includes('--write');
const names = args.filter(arg => arg !== '--write');
const unknown = names.filter(name => !STEPS.some(step => step.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `No such step: ${unknown.join(', ')}. There are: ${STEPS.map(({ name }) => name).join(', ')}.\n`,
  );
  process.exit(2);
}

const tools = createTools(folder);
let failed = 0;
for (const { name, run } of STEPS) {
  if (names.length > 0 && !names.includes(name)) continue;
  const beganAt = performance.now();
  try {
    await run({ tools, isWriting });
    console.log(`ok      ${name} (${((performance.now() - beganAt) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error.message.replace(/^/gm, '        ')}`);
  }
}
if (failed > 0) process.exitCode = 1;
