// Puts prometheus and promtool below node_modules/.cache, from Debian's package, where they are not installed: nothing of the
// system is changed, and no service is started, as installing the package would do.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { findPrometheus, PROMETHEUS_CACHE } from './prometheus-tools.js';

const PACKAGE = 'prometheus';

const found = findPrometheus();
if (found === undefined) {
  rmSync(PROMETHEUS_CACHE, { recursive: true, force: true });
  mkdirSync(PROMETHEUS_CACHE, { recursive: true });
  try {
    run('apt-get', ['download', PACKAGE]);
  } catch {
    // A machine that has no lists yet, or old ones.
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['download', PACKAGE]);
  }
  const [archive] = readdirSync(PROMETHEUS_CACHE).filter(name => name.endsWith('.deb'));
  run('dpkg', ['-x', archive, '.']);
  rmSync(`${PROMETHEUS_CACHE}/${archive}`);
}
const { promtool } = found ?? findPrometheus();
process.stdout.write(execFileSync(promtool, ['--version'], { encoding: 'utf8' }).split('\n', 1)[0]);
process.stdout.write(`\n${promtool}\n`);

function run(program, args) {
  execFileSync(program, args, { cwd: PROMETHEUS_CACHE, stdio: ['ignore', 'ignore', 'pipe'] });
}
