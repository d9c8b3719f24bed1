// Installs a clone with "npm ci --omit=dev", as the last stage of an image or a small machine does, and runs the program that was
// built elsewhere: what needs a development dependency to be installed or to run shows here.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createEmptyFolder, root } from './empty-folder.js';

const { folder, run } = createEmptyFolder('production');
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
