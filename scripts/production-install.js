// Installs a clone with "npm ci --omit=dev", as the last stage of an image or a small machine does, and runs the program that was
// built elsewhere: what needs a development dependency to be installed or to run shows here.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stakewise-production-'));
/** What a clone has and an installation or the program looks at. */
const CLONE = [
  '.npmrc',
  'bin',
  'operator',
  'oclif.manifest.json',
  'package.json',
  'package-lock.json',
  'scripts',
  'templates',
];

// Only the Node that runs this script, and nothing of npm's own variables but where packages come from.
const env = { ...process.env };
for (const name of Object.keys(env))
  if (/^npm_(?!config_(registry|cafile|cache)$)/i.test(name)) delete env[name];
env.PATH = [
  dirname(process.execPath),
  ...(process.env.PATH ?? '').split(delimiter).filter(path => !path.startsWith(root)),
].join(delimiter);

function run(command, args) {
  console.log(`$ ${command} ${args.join(' ')}`);
  return execFileSync(command, args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
}

try {
  for (const name of CLONE) cpSync(join(root, name), join(folder, name), { recursive: true });
  run('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund']);
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  console.log(run('./operator', ['--version']).trim());
  console.log(run('bin/python', ['src/main.py', '--version']).trim());
  console.log('A clone without development dependencies works.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
