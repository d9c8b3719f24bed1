// Copies the alert rules into the chart, which can read no file outside of its folder; with --check fails when the copies are not
// the rules of deploy/prometheus.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const rules = fileURLToPath(new URL('../deploy/prometheus/', import.meta.url));
const copies = fileURLToPath(new URL('../deploy/helm/stakewise/files/', import.meta.url));
const isRules = name => name.endsWith('.rules.yml');

/** The texts of the rules in a folder, by name; none where there is no folder. */
function readRules(folder) {
  const names = readdirSync(folder, { withFileTypes: true }).map(({ name }) => name);
  return new Map(
    names
      .filter(isRules)
      .sort()
      .map(name => [name, readFileSync(folder + name, 'utf8')]),
  );
}

mkdirSync(rules, { recursive: true });
const wanted = readRules(rules);
const present = readRules(copies);
const stale = [...new Set([...wanted.keys(), ...present.keys()])].filter(
  name => wanted.get(name) !== present.get(name),
);
if (process.argv.includes('--check')) {
  if (stale.length > 0) {
    process.stderr.write(`The chart's ${stale.join(', ')} is stale: run "npm run chart-rules".\n`);
    process.exitCode = 1;
  }
} else {
  for (const name of stale) {
    if (wanted.has(name)) writeFileSync(copies + name, wanted.get(name));
    else rmSync(copies + name);
  }
}
