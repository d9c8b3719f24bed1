// What "npm run release" has written, as whoever downloads it has it: sums, list of parts, licences, and the tarballs.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { it } from '../support/fixtures.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import { requireNamespaces } from '../support/programs/namespaces.ts';

const DIST = join(PROJECT_ROOT, 'release/dist');
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const { version } = readJson(join(PROJECT_ROOT, 'package.json'));
const NAME = `stakewise-operator-${version}`;
const LIST_OF_PARTS = `${NAME}.cdx.json`;
const LICENCES = 'THIRD-PARTY-LICENCES.txt';
/** The numbers of ELF for the machines that are delivered for. */
const MACHINES = { 'linux-arm64': 183, 'linux-x64': 62 };
const PLATFORMS = Object.keys(MACHINES) as (keyof typeof MACHINES)[];
/** Licences under which code may go into a program that is handed on; of MPL-2.0 each file stays under it, and is unchanged. */
const PERMITTED =
  /^(MIT|MIT-0|Apache-2\.0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|BlueOak-1\.0\.0|CC0-1\.0|MPL-2\.0|Unlicense)$/;
/** All that the launchers need of a machine. */
const LAUNCHERS_NEED = ['sh', 'readlink', 'dirname', 'basename'];

interface Component {
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly {
    readonly license?: { readonly id?: string; readonly name?: string };
    readonly expression?: string;
  }[];
}

const components = (): readonly Component[] => readJson(join(DIST, LIST_OF_PARTS)).components;
const named = (part: { readonly name: string; readonly version: string }) => `${part.name}@${part.version}`;

/** Packages of the lock file that are installed without development dependencies. */
function productionPackages(): string[] {
  const { packages } = readJson(join(PROJECT_ROOT, 'package-lock.json'));
  return Object.entries<{ version: string; dev?: boolean; devOptional?: boolean }>(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`);
}

/** The names of licences in an SPDX expression in which each part stands for itself, or all hold. */
const licencesIn = (expression: string) => expression.replaceAll(/[()]/g, '').split(/ (?:OR|AND) /);

function elfMachine(file: string): number | undefined {
  const head = Buffer.alloc(20);
  const handle = openSync(file, 'r');
  readSync(handle, head, 0, head.length, 0);
  closeSync(handle);
  return head.readUInt32BE(0) === 0x7f454c46 ? head.readUInt16LE(18) : undefined;
}

function unpack(platform: string, directory: string): string {
  execFileSync('tar', ['-xzf', join(DIST, `${NAME}-${platform}.tar.gz`), '-C', directory]);
  return join(directory, `${NAME}-${platform}`);
}

describe('the files of a release', () => {
  it('the release has a single executable and a tarball for each platform, list of parts, licences, and a sum of each that is right', () => {
    const files = [
      LIST_OF_PARTS,
      LICENCES,
      ...PLATFORMS.flatMap(p => [`${NAME}-${p}`, `${NAME}-${p}.tar.gz`]),
    ];
    expect(readdirSync(DIST).sort()).toEqual(['SHA256SUMS', ...files].sort());
    const summed = readFileSync(join(DIST, 'SHA256SUMS'), 'utf8').trim().split('\n');
    expect(summed.map(line => line.slice(66)).sort()).toEqual(files.sort());
    // The line of docs/installation.md.
    const check = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], {
      cwd: DIST,
      encoding: 'utf8',
    });
    expect(check.status, check.stdout + check.stderr).toBe(0);
  });

  it('the list of parts has every production package of the lock file, and Node, and nothing else', () => {
    const { devDependencies } = readJson(join(PROJECT_ROOT, 'package.json'));
    const wanted = new Set([...productionPackages(), `node@${devDependencies.node}`]);
    expect([...new Set(components().map(named))].sort()).toEqual([...wanted].sort());
    const { bomFormat, metadata } = readJson(join(DIST, LIST_OF_PARTS));
    expect(bomFormat).toBe('CycloneDX');
    expect(metadata.component).toMatchObject({ name: 'stakewise-operator', version });
  });

  it('npm finds nothing wrong with what is installed', () => {
    const list = spawnSync('npm', ['ls', '--all'], {
      cwd: PROJECT_ROOT,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    expect(list.stderr).not.toMatch(/npm error/);
    expect(list.status).toBe(0);
  });

  it('every part states a licence under which it may be handed on, and its text or name is in the file of licences', () => {
    const text = readFileSync(join(DIST, LICENCES), 'utf8');
    for (const part of components()) {
      const stated = (part.licenses ?? []).map(
        ({ license, expression }) => expression ?? license?.id ?? license?.name,
      );
      expect(stated, named(part)).not.toEqual([]);
      for (const name of stated.flatMap(one => licencesIn(one ?? '')))
        expect(name, named(part)).toMatch(PERMITTED);
      const heading = part.name === 'node' ? 'Node.js' : `\n${part.name} ${part.version}\nLicence: `;
      expect(text).toContain(heading);
    }
  });
});

describe('the tarball with Node inside', () => {
  it('the tarball for x64 runs by all its launchers, on a machine without Node and network', ({
    directory,
  }) => {
    requireNamespaces();
    const folder = unpack('linux-x64', directory);
    const tools = join(directory, 'tools');
    mkdirSync(tools);
    for (const tool of LAUNCHERS_NEED) symlinkSync(`/usr/bin/${tool}`, join(tools, tool));
    const run = (program: string, ...args: readonly string[]) =>
      spawnSync('/usr/bin/unshare', ['--net', '--', join(folder, program), ...args], {
        cwd: directory,
        env: { HOME: directory, PATH: tools },
        encoding: 'utf8',
      });
    const ended = { stderr: '', status: 0 };
    expect(run('operator', '--version')).toMatchObject({
      ...ended,
      stdout: `operator, version ${version}\n`,
    });
    expect(run('v3-operator', '--version')).toMatchObject({
      ...ended,
      stdout: `v3-operator, version ${version}\n`,
    });
    expect(run('bin/python', 'src/main.py', '--version')).toMatchObject({
      ...ended,
      stdout: `operator, version ${version}\n`,
    });
    const data = [
      '--vault',
      '0x1234567890AbcdEF1234567890aBcdef12345678',
      '--data-dir',
      join(directory, 'data'),
    ];
    const init = run(
      'operator',
      'init',
      '--network',
      'hoodi',
      '--language',
      'english',
      '--no-verify',
      ...data,
    );
    expect(init).toMatchObject({ status: 0, stdout: expect.stringMatching(/^(\w+ ){23}\w+\n$/) });
  });

  it.for(PLATFORMS)('every program in the files for %s is for that machine', (platform, { directory }) => {
    expect(elfMachine(join(DIST, `${NAME}-${platform}`))).toBe(MACHINES[platform]);
    const folder = unpack(platform, directory);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name));
    const programs = files
      .map(file => ({ file: file.slice(folder.length + 1), machine: elfMachine(file) }))
      .filter(({ machine }) => machine !== undefined);
    const names = programs.map(({ file }) => file);
    expect(names).toContain('node_modules/node/bin/node');
    expect(names).toContainEqual(expect.stringMatching(/\.node$/));
    for (const { file, machine } of programs) expect(machine, file).toBe(MACHINES[platform]);
    // An ending says the same: none of another system was taken for data.
    for (const file of files.filter(one => one.endsWith('.node')))
      expect(names).toContain(file.slice(folder.length + 1));
  });
});
