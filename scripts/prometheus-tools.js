// Where the programs of Prometheus are: installed, or where fetch-prometheus.js has put them.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROMETHEUS_CACHE = fileURLToPath(new URL('../node_modules/.cache/prometheus', import.meta.url));

/** @returns paths of both programs; undefined when one is missing */
export function findPrometheus() {
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(PROMETHEUS_CACHE, 'usr', 'bin')];
  const find = name =>
    folders
      .filter(folder => folder !== '')
      .map(folder => join(folder, name))
      .find(isProgram);
  const prometheus = find('prometheus');
  const promtool = find('promtool');
  return prometheus === undefined || promtool === undefined ? undefined : { prometheus, promtool };
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
