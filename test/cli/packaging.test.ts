// What is delivered beside the bundle: the packed files, and an installation without the tools of the build.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { it } from '../support/fixtures.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';

describe('the packed tarball', () => {
  it('the packed tarball has every launcher, and what each of them starts', () => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
      cwd: PROJECT_ROOT,
      encoding: 'utf8',
    });
    const [{ files }] = JSON.parse(output) as [{ files: { path: string; mode: number }[] }];
    const modes = new Map(files.map(({ path, mode }) => [path, mode]));
    const launchers = ['operator', 'v3-operator', 'bin/python', 'bin/run.js'];
    for (const path of launchers) expect(modes.get(path), path).toBe(0o755);
    for (const path of launchers) {
      const text = readFileSync(join(PROJECT_ROOT, path), 'utf8');
      const started = [...text.matchAll(/"\$here\/([\w./-]+)"|new URL\('\.\.\/([\w./-]+)'/g)];
      expect(started, path).not.toEqual([]);
      for (const [, shell, script] of started) expect([...modes.keys()]).toContain(shell ?? script);
    }
    // What runs it elsewhere comes with it.
    for (const path of [
      'helm/stakewise/values.yaml',
      'compose/compose.yaml',
      'systemd/stakewise-operator.service',
    ])
      expect([...modes.keys()]).toContain(`deploy/${path}`);
    // Secrets that docs/compose.md has put there are none of it.
    const ignored = readFileSync(join(PROJECT_ROOT, 'deploy/compose/.gitignore'), 'utf8').split('\n');
    for (const name of ['secrets/', 'data/', '.env']) expect(ignored).toContain(name);
    // It needs the source.
    expect(modes.has('bin/dev.js')).toBe(false);
  });
});

describe('what npm says of the lock file', () => {
  it.for([
    ['ls', '--all'],
    ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'],
  ])('npm %s finds nothing wrong with the dependencies, whose list goes along with every release', args => {
    const run = spawnSync('npm', [...args, '--package-lock-only'], { cwd: PROJECT_ROOT, encoding: 'utf8' });
    expect(run.stderr).not.toMatch(/npm error/);
    expect(run.status).toBe(0);
    for (const name of ['@chainsafe/bls', '@chainsafe/blst']) expect(run.stdout).toContain(`${name}@`);
  });
});

describe('the files of image, tarball and single executable', () => {
  it('the delivered files run, are all that the bundle loads, and have no types, source maps, sources of C or other platforms', ({
    directory,
  }) => {
    const folder = join(directory, 'program');
    const script = join(PROJECT_ROOT, 'scripts/release/stage.js');
    execFileSync(process.execPath, [script, folder, '--with-node'], { stdio: 'ignore' });
    const paths = readdirSync(folder, { recursive: true }).map(String);
    expect(paths).toContain('node_modules/@electric-sql/pglite/dist/pglite.wasm');
    expect(paths.filter(path => path.endsWith('.node'))).toHaveLength(1);
    const texts = /(^|\/)(licen[cs]e[^/]*|SECURITY\.md)$/i;
    const needless = paths.filter(path => /\.(map|d\.[cm]?ts|c|h|S|md)$/.test(path));
    expect(needless.filter(path => !texts.test(path))).toEqual([]);
    const ownPaths = paths.filter(path => !path.startsWith('node_modules/node/'));
    const bytes = ownPaths.reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
    expect(bytes / 1e6).toBeLessThan(35);
    // Nothing of the clone is found from there, and of Nodes its own before another.
    const env = { HOME: directory, PATH: '/usr/bin:/bin' };
    const options = { env, encoding: 'utf8' } as const;
    expect(execFileSync(join(folder, 'operator'), ['--help'], options)).toContain(process.version);
    const data = ['--data-dir', join(directory, 'data'), '--vault', `0x${'12'.repeat(20)}`];
    const init = ['init', '--network', 'hoodi', '--language', 'english', '--no-verify', ...data];
    writeFileSync(join(directory, 'words'), execFileSync(join(folder, 'operator'), init, options), {
      mode: 0o600,
    });
    const create = [
      'src/main.py',
      'create-keys',
      '--count',
      '1',
      '--mnemonic-file',
      join(directory, 'words'),
    ];
    expect(execFileSync(join(folder, 'bin/python'), [...create, ...data], options)).toContain(
      'Generated 1 keys',
    );
    // The licence of each package in it is named.
    const licences = readFileSync(join(folder, 'THIRD-PARTY-LICENCES.txt'), 'utf8');
    expect(licences).not.toContain('Licence: not stated');
    for (const path of paths.filter(path => /node_modules\/(@[^/]+\/)?[^/@]+\/package\.json$/.test(path))) {
      const { name, version } = JSON.parse(readFileSync(join(folder, path), 'utf8'));
      expect(licences).toContain(`\n${name} ${version}\nLicence: `);
    }
  });
});

describe('an installation without the tools of the build', () => {
  function prepare(directory: string) {
    const script = join(directory, 'scripts', 'prepare.js');
    const { status, stderr } = spawnSync(process.execPath, [script], { cwd: directory, encoding: 'utf8' });
    return { status, stderr };
  }

  it('npm’s prepare leaves dist as it is, and says what makes one that is missing', ({ directory }) => {
    mkdirSync(join(directory, 'scripts'));
    copyFileSync(join(PROJECT_ROOT, 'package.json'), join(directory, 'package.json'));
    for (const name of ['prepare.js', 'build.js'])
      copyFileSync(join(PROJECT_ROOT, 'scripts', name), join(directory, 'scripts', name));
    const missing = prepare(directory);
    expect(missing.stderr).toMatch(/^The tools of the build are left out.*"npm ci" makes it.*\.\n$/);
    expect(missing.status).toBe(0);
    const built = join(directory, 'dist/src/cli');
    mkdirSync(built, { recursive: true });
    writeFileSync(join(built, 'main.js'), 'built before');
    expect(prepare(directory)).toEqual({
      status: 0,
      stderr: 'The tools of the build are left out, and so is the build; dist stays as it is.\n',
    });
    expect(readFileSync(join(built, 'main.js'), 'utf8')).toBe('built before');
  });
});
