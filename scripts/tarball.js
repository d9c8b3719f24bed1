// Packs the program, installs the tarball with production dependencies into an empty folder, as a user of the package
// would, and makes keys from there: what is missing from `files`, `dependencies` or the bundle shows here.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stakewise-tarball-'));
const vault = '0x1234567890AbcdEF1234567890aBcdef12345678';

// Only the Node that runs this script: nothing of the clone's node_modules may be found by accident.
const path = [
  dirname(process.execPath),
  ...(process.env.PATH ?? '').split(delimiter).filter(p => !p.startsWith(root)),
];
const env = {
  ...process.env,
  HOME: folder,
  PATH: path.join(delimiter),
  npm_config_cache: join(folder, 'cache'),
};
for (const name of Object.keys(env))
  if (/^npm_(?!config_(registry|cafile|cache)$)/i.test(name)) delete env[name];

function run(command, args, options = {}) {
  console.log(`$ ${command} ${args.join(' ')}`);
  return execFileSync(command, args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    ...options,
  });
}

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
