// The files that the program needs to run, for image, tarball and single executable alike: the bundle, and of each package that is
// not in the bundle what Node loads. No source maps, types, sources of C, or parts for other platforms.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;

const OWN_FILES = ['LICENSE', 'SECURITY.md', 'oclif.manifest.json', 'package.json'];
const OWN_FOLDERS = ['dist', 'templates'];
export const LAUNCHERS = ['bin/python', 'bin/run.js', 'operator', 'v3-operator'];

/** A package's name at the beginning of what is imported; not a path, and not a module of Node. */
const IMPORTED =
  /(?:\bfrom|\bimport|\bimport\(|\brequire\(|__require\()\s*["'`]((?:@[\w.-]+\/)?[a-z][\w.-]*)(?:\/[\w./-]+)?["'`]/g;
/** Never loaded by Node. */
const LEFT_OUT =
  /(\.map|\.d\.[cm]?ts|\.ts|\.tsx|\.md|\.markdown|\.c|\.cc|\.cpp|\.h|\.hpp|\.s|\.S|\.asm|\.gyp|\.gypi|\.html|\.flow|\.yml|\.lock|\.ico|\.sh|tsconfig[\w.]*\.json|(^|\/)(webpack|karma|eslint)\.[\w.]+)$|(^|\/)\.[^/]+$|(^|\/)(\.github|docs?|examples?|tests?|__tests__|benchmarks?|bench|coverage|\.[^/]+)\//i;
/** A licence has to go with what it is for, whatever its ending. */
export const LICENCE_FILE = /^(licen[cs]e|copying|notice|copyright)[^/]*$/i;
/** Extensions of Postgres that the program does not load: 6 MB. */
const PGLITE_PARTS =
  /^dist\/(contrib\/|live\/|worker\/|vector\/|[\w-]+\.tar\.gz$|.*\.cjs$|templating|pg_|age)/;

/** Packages whose code is in the bundle or beside it: the production part of the lock file. */
export function productionPackages() {
  return Object.entries(lock).filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional);
}

/** Packages that Node loads from node_modules, as keys of the lock file: those that the bundle names, and what they need. */
export function loadedPackages(target) {
  return closureOf(importedByBundle(), target);
}

/** Keys of packages in the lock file, and of all that they need on a platform. */
export function closureOf(names, { platform, arch, libc }) {
  const found = new Set();
  const queue = names.map(name => ['', name]);
  for (const [from, name] of queue) {
    const key = resolveKey(from, name);
    if (key === undefined || found.has(key)) continue;
    const facts = lock[key];
    if (!fits(facts.os, platform) || !fits(facts.cpu, arch) || !fits(facts.libc, libc)) continue;
    // Type declarations alone.
    if (name.startsWith('@types/') || name === 'type-fest') continue;
    found.add(key);
    const needed = { ...facts.dependencies, ...facts.optionalDependencies, ...facts.peerDependencies };
    queue.push(...Object.keys(needed).map(one => [key, one]));
  }
  return [...found].sort();
}

/** npm's rule for os, cpu and libc of a package: a list of those that it is for, or of those that it is not for. */
function fits(wanted, has) {
  if (wanted === undefined || has === undefined) return true;
  const refused = wanted.filter(one => one.startsWith('!')).map(one => one.slice(1));
  return refused.includes(has) ? false : wanted.length === refused.length || wanted.includes(has);
}

function importedByBundle() {
  const names = new Set();
  for (const path of filesBelow(join(root, 'dist'))) {
    if (!path.endsWith('.js')) continue;
    for (const [, name] of readFileSync(join(root, 'dist', path), 'utf8').matchAll(IMPORTED)) names.add(name);
  }
  // Words of texts and modules of Node are no packages.
  return [...names].filter(
    name => lock[`node_modules/${name}`] !== undefined && !builtinModules.includes(name),
  );
}

function resolveKey(from, name) {
  for (let folder = from; ; ) {
    const key = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (lock[key] !== undefined) return key;
    if (folder === '') return undefined;
    const end = folder.lastIndexOf('/node_modules/');
    folder = end === -1 ? '' : folder.slice(0, end);
  }
}

/**
 * @param target - platform, arch and libc as npm names them
 * @param elsewhere - folder with node_modules in which packages of another platform were installed
 * @returns path in the program's folder, and where it is now; sorted
 */
export function appFiles(target, { elsewhere, launchers = true } = {}) {
  const own = [...OWN_FILES, ...(launchers ? LAUNCHERS : [])].map(path => ({
    path,
    source: join(root, path),
  }));
  const folders = OWN_FOLDERS.flatMap(folder =>
    filesBelow(join(root, folder)).map(path => ({
      path: `${folder}/${path}`,
      source: join(root, folder, path),
    })),
  );
  const packages = loadedPackages(target).flatMap(key => packageFiles(key, [root, elsewhere]));
  const all = [...own, ...folders, ...packages].sort((a, b) => (a.path < b.path ? -1 : 1));
  return all.map(one => ({ ...one, mode: LAUNCHERS.includes(one.path) ? 0o755 : 0o644 }));
}

function packageFiles(key, bases) {
  const base = bases.find(one => one !== undefined && existsSync(join(one, key, 'package.json')));
  if (base === undefined) {
    if (lock[key].optional || lock[key].peer) return [];
    throw new Error(`${key} is not installed: run "npm ci".`);
  }
  return filesBelow(join(base, key))
    .filter(path => !path.startsWith('node_modules/'))
    .filter(path => LICENCE_FILE.test(path) || !LEFT_OUT.test(path))
    .filter(path => !(key.endsWith('/pglite') && PGLITE_PARTS.test(path)))
    .map(path => ({ path: `${key}/${path}`, source: join(base, key, path) }));
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .map(name => name.replaceAll('\\', '/'))
    .filter(name => statSync(join(folder, name)).isFile())
    .sort();
}
