// Packs the program, installs the tarball with production dependencies into an empty folder, as a user of the package
// would, and makes keys from there: what is missing from `files`, `dependencies` or the bundle shows here.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEmptyFolder, root } from './empty-folder.js';

const vault = '0x1234567890AbcdEF1234567890aBcdef12345678';
const { folder, run } = createEmptyFolder('tarball', path => ({
  HOME: path,
  npm_config_cache: join(path, 'cache'),
}));

try {
  run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root });
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true }\n');
  run('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', `./${tarball}`]);
  const operator = join(folder, 'node_modules', '.bin', 'operator');
  console.log(run(operator, ['--version']).trim());
  // As the Helm charts call it.
  const shim = join(folder, 'node_modules', 'stakewise-operator', 'bin', 'python');
  console.log(run(shim, ['src/main.py', '--version']).trim());
  const data = ['--data-dir', join(folder, 'data'), '--vault', vault];
  const mnemonic = run(operator, [
    'init',
    '--network',
    'hoodi',
    '--language',
    'english',
    '--no-verify',
    ...data,
  ]).trim();
  const mnemonicFile = join(folder, 'mnemonic.txt');
  writeFileSync(mnemonicFile, mnemonic, { mode: 0o600 });
  console.log(
    run(operator, ['create-keys', '--count', '1', '--mnemonic-file', mnemonicFile, ...data]).trim(),
  );
  console.log('The packed tarball works from an empty folder.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
