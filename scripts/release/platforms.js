// The platforms that are delivered, and where Node for them comes from: the npm packages of which `node` installs one.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifest, root } from './app-files.js';

const NODE_VERSION = manifest.devDependencies.node;

/**
 * What is delivered, with the digest of each package of Node: the lock file knows its installer `node` alone. There is no package of this
 * version for macOS; on Windows the program lacks a shell and the way to begin again as the same process, so it is not delivered there.
 * `machine` is the number of ELF for it.
 */
export const PLATFORMS = {
  'linux-x64': {
    platform: 'linux',
    arch: 'x64',
    libc: 'glibc',
    machine: 62,
    node: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  'linux-arm64': {
    platform: 'linux',
    arch: 'arm64',
    libc: 'glibc',
    machine: 183,
    node: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};

/** The platform of this machine, as the table names it. */
export const HERE = `${process.platform}-${process.arch}`;

/**
 * Installs Node and the native packages of a platform into a folder of its own, by npm, which compares each with its digest.
 * @returns the path of Node, and the folder with node_modules
 */
export function fetchPlatform(name) {
  const target = PLATFORMS[name];
  const folder = join(root, 'release', 'platforms', `${name}-${NODE_VERSION}`);
  const node = join(folder, `node_modules/node-${name}/bin/node`);
  if (!existsSync(node)) {
    const draft = mkdtempSync(join(tmpdir(), 'stakewise-platform-'));
    try {
      installInto(draft, name, target);
      mkdirSync(join(folder, '..'), { recursive: true });
      rmSync(folder, { recursive: true, force: true });
      cpSync(draft, folder, { recursive: true });
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
  assertMachine(node, target.machine);
  return { node, elsewhere: folder };
}

function installInto(folder, name, { platform, arch, libc, node }) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const native = Object.entries(lock).filter(
    ([path, { os, cpu, dev }]) =>
      path.startsWith('node_modules/@chainsafe/blst-') &&
      !dev &&
      os?.includes(platform) &&
      cpu?.includes(arch),
  );
  const packages = Object.fromEntries(
    native.map(([path, { version, integrity, os, cpu, libc }]) => [
      path,
      { version, integrity, os, cpu, libc, optional: true },
    ]),
  );
  packages[`node_modules/node-${name}`] = { version: NODE_VERSION, integrity: node };
  const dependencies = Object.fromEntries(
    Object.entries(packages).map(([path, { version }]) => [path.slice('node_modules/'.length), version]),
  );
  const own = { name: 'platform', version: '0.0.0', private: true, optionalDependencies: dependencies };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(own));
  const document = { name: own.name, version: own.version, lockfileVersion: 3, requires: true };
  document.packages = { '': { ...own }, ...packages };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(document));
  writeFileSync(join(folder, '.npmrc'), readFileSync(join(root, '.npmrc')));
  execFileSync(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', `--os=${platform}`, `--cpu=${arch}`, `--libc=${libc}`],
    { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
  );
}

/** Looks at every native part among files, and that there is one. @throws Error when one is for another machine */
export function assertNativeParts(files, { machine }) {
  const native = files.filter(({ path }) => path.endsWith('.node'));
  if (native.length === 0) throw new Error('The native parts are missing.');
  for (const { source } of native) assertMachine(source, machine);
}

/** Looks into an ELF file's own header. @throws Error when it is for another machine */
function assertMachine(file, machine) {
  const head = readFileSync(file).subarray(0, 20);
  const found = head.readUInt32BE(0) === 0x7f454c46 ? head.readUInt16LE(18) : undefined;
  if (found !== machine) throw new Error(`${file} is for the ELF machine ${found}, not for ${machine}.`);
}
