// Packs the program, installs the tarball with production dependencies into an empty folder, as a user of the package
// would, and makes keys from there: what is missing from `files`, `dependencies` or the bundle shows here.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createEmptyFolder, root } from './empty-folder.js';
import { closureOf } from './release/app-files.js';
import { HERE, PLATFORMS } from './release/platforms.js';

const vault = '0x1234567890AbcdEF1234567890aBcdef12345678';
const { folder, run } = createEmptyFolder('tarball', path => ({
  HOME: path,
  npm_config_cache: join(path, 'cache'),
}));

try {
  pack();
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
  mkdirSync(join(root, 'release'), { recursive: true });
  cpSync(join(folder, tarball), join(root, 'release', tarball));
  console.log(`The packed tarball works from an empty folder: release/${tarball}.`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Packs a copy of the clone, whose package.json bundles @chainsafe/bls: it names an older @chainsafe/blst as its peer, and an override
 * holds for the package at the root alone, not for one that is installed. In the clone's own package.json a bundle would have npm
 * refuse the override ("npm ls", "npm sbom").
 */
function pack() {
  const copy = join(folder, 'pack');
  const [{ files }] = JSON.parse(
    run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root }),
  );
  for (const { path } of files) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    cpSync(join(root, path), join(copy, path));
  }
  for (const key of closureOf(['@chainsafe/bls'], PLATFORMS[HERE]))
    if (existsSync(join(root, key))) cpSync(join(root, key), join(copy, key), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // Nothing is built from a package that has no source.
  delete manifest.scripts.prepare;
  manifest.bundleDependencies = ['@chainsafe/bls'];
  writeFileSync(join(copy, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], { cwd: copy });
  rmSync(copy, { recursive: true });
}
